import type { ShaderLoader } from '../src/device/shader.ts'
import { loadShader } from '../src/device/shader.ts'
import type { SubgroupMatrices } from '../src/device/traits.ts'

/** The subgroups' matrices of llvmpipe, from Mesa 25.2 on. */
export const MATRICES: SubgroupMatrices = { M: 8, N: 8, K: 8, lanes: 8 }

/** In place of matrices that a subgroup holds together: each lane holds, loads, multiplies and stores all of them. */
const EMULATION = `
alias Left = array<f32, TILE_M * TILE_K>;
alias Right = array<f32, TILE_K * TILE_N>;
alias Sum = array<f32, TILE_M * TILE_N>;

fn load_left(at: u32) -> Left {
  var matrix: Left;
  for (var i = 0u; i < TILE_M * TILE_K; i++) { matrix[i] = f32(rows[at + i / TILE_K * ROW_PITCH + i % TILE_K]); }
  return matrix;
}

fn load_right(at: u32) -> Right {
  var matrix: Right;
  for (var i = 0u; i < TILE_K * TILE_N; i++) { matrix[i] = f32(columns[at + i / TILE_N * COLUMN_PITCH + i % TILE_N]); }
  return matrix;
}

fn multiplied(left: ptr<function, Left>, right: ptr<function, Right>, sum: ptr<function, Sum>) -> Sum {
  var result: Sum;
  for (var i = 0u; i < TILE_M * TILE_N; i++) {
    var value = (*sum)[i];
    for (var k = 0u; k < TILE_K; k++) { value += (*left)[i / TILE_N * TILE_K + k] * (*right)[k * TILE_N + i % TILE_N]; }
    result[i] = value;
  }
  return result;
}

fn store(at: u32, sum: Sum) {
  var matrix = sum;
  for (var i = 0u; i < TILE_M * TILE_N; i++) { sums[at + i] = matrix[i]; }
}
`

const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/^enable chromium_experimental_subgroup_matrix;$/m, ''],
  [/^alias (Left|Right|Sum) = .*$/gm, ''],
  [/subgroupMatrixLoad<Left, row_major>\(&rows, (\w+), ROW_PITCH\)/, 'load_left($1)'],
  [/subgroupMatrixLoad<Right, row_major>\(&columns, (\w+), COLUMN_PITCH\)/, 'load_right($1)'],
  [/let factor =/, 'var factor ='],
  [
    /subgroupMatrixMultiplyAccumulate\(factor, matrix\[j\], (sum\[[^\]]+\])\)/,
    'multiplied(&factor, &matrix[j], &$1)',
  ],
  [/subgroupMatrixStore<row_major>\(&sums, own, sum\[i\], TILE_N\)/, 'store(own, sum[i])'],
]

/** The package's shaders, for adapters that have subgroups of 8 lanes and no matrices in them. */
export const loadEmulated: ShaderLoader = (path) => {
  const text = loadShader(path)
  if (path !== 'lib/gemm_matrix') return text
  return (
    EMULATION +
    REPLACED.reduce((code, [what, by]) => {
      if (code.search(what) < 0) throw new Error(`${path} has nothing like ${what}`)
      return code.replace(what, by)
    }, text)
  )
}
