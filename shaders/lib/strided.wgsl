// Where element `at` of a tensor of the given sizes lies in a tensor of the given strides (0 along axes that it repeats).
// The last AXES of the axes are in use; see src/kernels/movement/strided.ts.
const AXES = 6u;

fn strided(at: u32, size: array<u32, 6>, stride: array<u32, 6>) -> u32 {
  var rest = at;
  var origin = 0u;
  for (var axis = 5u; axis > 6u - AXES; axis--) {
    origin += rest % size[axis] * stride[axis];
    rest /= size[axis];
  }
  return origin + rest * stride[6u - AXES];
}
