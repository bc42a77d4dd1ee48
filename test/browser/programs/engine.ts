/** The library in a browser, without a page around it: `window.engine`, for the tests. */
import { Gpu } from '../../../src/device/gpu.ts'
import { Colorizer, type Hint } from '../../../src/web/index.ts'
import { takeSteps } from '../training-steps.ts'

const ASSETS = new URL('/weights/', location.href)

/** What a photograph became. */
export interface Coloured {
  readonly width: number
  readonly height: number
  /** Bytes of R, G, B and A, row by row, as base64. */
  readonly rgba: string
}

const fetchBytes = async (url: string | URL) => new Uint8Array(await (await fetch(url)).arrayBuffer())

const engine = {
  /** Colours the file at `url` once for each list of hints. */
  async colorize(url: string, all: readonly (readonly Hint[])[]): Promise<readonly Coloured[]> {
    const photo = new Blob([await fetchBytes(url)])
    const colorizer = await Colorizer.create({ assets: ASSETS })
    try {
      const coloured: Coloured[] = []
      for (const hints of all) {
        const { image } = await colorizer.colorize(photo, { hints })
        coloured.push({ width: image.width, height: image.height, rgba: base64Of(image.data) })
      }
      return coloured
    } finally {
      await colorizer.dispose()
    }
  },

  async train(): Promise<readonly number[]> {
    const gpu = (await Gpu.open(navigator.gpu))!
    try {
      const weights = await fetchBytes(new URL('lite.safetensors', ASSETS))
      const trunk = await fetchBytes(new URL('mobilenet_v1.onnx', ASSETS))
      return await takeSteps(gpu, { weights, trunk })
    } finally {
      gpu.destroy()
    }
  },
}

function base64Of(bytes: Uint8ClampedArray): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000)
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}

export type Engine = typeof engine
declare global {
  interface Window {
    engine: Engine
  }
}
window.engine = engine
