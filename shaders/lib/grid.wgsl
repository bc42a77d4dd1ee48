// Undoes `grid()` of src/kernels/op.ts: the number of this workgroup where count workgroups were laid out in x and y.
fn workgroup_number(id: vec3u, count: vec3u) -> u32 {
  return id.y * count.x + id.x;
}
