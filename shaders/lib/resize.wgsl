// What an output of a resize takes along one axis: element `low` only, or with LINEAR also `share` of element `high`.
override LINEAR = 0u;

struct Place { low: u32, high: u32, share: f32 }

// The place of position `at` on an axis of `size` elements; positions outside of it are those of its border.
fn place(at: f32, size: u32) -> Place {
  let inside = clamp(at, 0.0, f32(size - 1u));
  let low = u32(inside);
  return Place(low, min(low + 1u, size - 1u), select(0.0, inside - f32(low), LINEAR == 1u));
}

// How much of element i an output at position `at` takes.
fn share_of(i: u32, at: f32, size: u32) -> f32 {
  let taken = place(at, size);
  return select(0.0, 1.0 - taken.share, i == taken.low) + select(0.0, taken.share, i == taken.high);
}
