/** The engine, and the bundle for browsers, with Dawn's GPU in place of a browser's, and with what a page has besides. */
import { readFile } from 'node:fs/promises'
import { create } from 'webgpu'
import { readPhoto } from 'webgpu-colorizer'
import { tanh } from './engine.ts'

globalThis.fetch = async (url) =>
  new Response(await readFile(String(url).replace('https://example.org', 'node_modules/webgpu-colorizer')))
globalThis.ImageData = class {
  colorSpace = 'srgb'
  constructor(
    public data: Uint8ClampedArray,
    public width: number,
    public height: number,
  ) {}
} as unknown as typeof ImageData

// @ts-expect-error: made by esbuild
const { Colorizer } = await import('./web-bundle.js')
const { rgb, width, height } = await readPhoto('grey.jpg')
const rgba = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
  i % 4 === 3 ? 255 : rgb[3 * Math.floor(i / 4) + (i % 4)]!,
)
const entry = create([])
const off = (await tanh(entry)).map((y, x) => Math.abs(y - Math.tanh(x)))
if (Math.max(...off) > 1e-6) throw new Error(`the engine's tanh is off by ${off}`)
const colorizer = await Colorizer.create({ gpu: entry, assets: 'https://example.org/weights/' })
const { image, classes } = await colorizer.colorize(new ImageData(rgba, width, height))
await colorizer.dispose()
const isColoured = image.data.some((level: number, i: number) => i % 4 === 0 && level !== image.data[i + 2])
if (!isColoured || classes.length !== 5) throw new Error('the bundle has not coloured')
