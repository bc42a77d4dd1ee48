// What an index counts in a tensor that is bound as vec4s: whole vec4s, or with VECTOR = 0 single elements. An element is
// loaded as four equal numbers, so that the same code computes with either.
override VECTOR = 1u;

// The vec4 of the binding that holds unit `at`.
fn vector_of(at: u32) -> u32 { return select(at / 4u, at, VECTOR == 1u); }

// Unit `at` of that vec4.
fn unit_in(vector: vec4f, at: u32) -> vec4f {
  if (VECTOR == 1u) { return vector; }
  return vec4f(vector[at % 4u]);
}
