/** The library for browsers, run in Node: Dawn's GPU is handed in, and pixels in place of what needs a canvas. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { create } from 'webgpu'
import { encodeSafetensors } from '../../src/io/safetensors.ts'
import { readPhoto, writeImage } from '../../src/node/image.ts'
import { readSafetensors } from '../../src/node/safetensors.ts'
import { folderOf } from '../../src/web/assets.ts'
import { Colorizer, type ColorizerOptions, type SeenClass, UserError } from '../../src/web/index.ts'
import { readAtOfBlob } from '../../src/web/read-at.ts'
import { run } from '../program.ts'
import './pixels.ts'

const deferred = () => {
  let resolve = () => {}
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

const adapter = process.env.COLORIZER_ADAPTER
const gpu = create(adapter === undefined ? [] : [`adapter=${adapter}`])
const folder = mkdtempSync(join(tmpdir(), 'web-'))

/** When the classifier below /waiting/ was asked for. */
const classifierAsked = deferred()
/**
 * Serves weights/; below /damaged/ with one byte changed, of the network's weights; below /waiting/ those after the
 * classifier; below /late/ the list only when it is asked for again.
 */
let server: Server
let url: string
const requests: string[] = []
let colorizer: Colorizer
const loads: [number, number][] = []

beforeAll(async () => {
  server = createServer(async (request, response) => {
    requests.push(request.url!)
    const [, where, file] = request.url!.split('/')
    if (where === 'waiting' && file === 'mobilenet_v1.onnx') classifierAsked.resolve()
    if (where === 'waiting' && file === 'lite.safetensors') await classifierAsked.promise
    const isFirst = requests.indexOf(request.url!) === requests.length - 1
    if (where === 'gone' || (where === 'late' && isFirst && file === 'manifest.json'))
      return void response.writeHead(404).end()
    const bytes = readFileSync(`weights/${file}`)
    if (where === 'damaged' && file === 'lite.safetensors') bytes[bytes.length - 1]! ^= 1
    if (where === 'page') return void response.end('<html>')
    response.end(bytes)
  })
  server.keepAliveTimeout = 0 // a busy machine may take seconds between two requests on one connection
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const onProgress = (loaded: number, total: number) => void loads.push([loaded, total])
  colorizer = await Colorizer.create({ gpu, assets: `${url}/weights`, onProgress })
})
afterAll(async () => {
  await colorizer?.dispose()
  server.close()
  rmSync(folder, { recursive: true })
})

const pixelsOf = async (path: string) => {
  const { rgb, width, height } = await readPhoto(path)
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let i = 0; i < width * height; i++) rgba.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i)
  return new ImageData(rgba, width, height)
}

const namesOf = (classes: readonly SeenClass[]) => classes.map(({ name }) => name)
const SAMPLES = ['koala', 'bee']

describe('a Colorizer in a browser', () => {
  it('paints as the command line does, within 2 of 255, and sees the same', async () => {
    const inputs = SAMPLES.map((name) => join(folder, `${name}.png`))
    for (const [i, input] of inputs.entries())
      await writeImage(input, await readPhoto(`samples/photos/${SAMPLES[i]}.jpg`))
    const chosen = adapter === undefined ? [] : ['--adapter', adapter]
    const { stdout, stderr } = await run([
      'colorize',
      ...inputs,
      '-o',
      join(folder, 'out'),
      '--json',
      '--recolor',
      ...chosen,
    ])
    const { files } = JSON.parse(stdout.toString())
    expect(files, stderr).toHaveLength(SAMPLES.length)
    for (const { input, output, classes } of files) {
      const theirs = await readPhoto(output)
      const ours = await colorizer.colorize(await pixelsOf(input))
      expect([ours.image.width, ours.image.height]).toEqual([theirs.width, theirs.height])
      const differences = Array.from(theirs.rgb, (level, i) =>
        Math.abs(level - ours.image.data[4 * Math.floor(i / 3) + (i % 3)]!),
      )
      expect(Math.max(...new Set(differences)), input).toBeLessThanOrEqual(2)
      expect(namesOf(ours.classes)).toEqual(namesOf(classes))
    }
  })

  it('draws versions, leans to another photograph and takes a class, each by its option', async () => {
    const noise = Uint8ClampedArray.from({ length: 4 * 48 * 32 }, (_, i) =>
      i % 4 === 3 ? 255 : ((i >> 2) * 37) % 251,
    )
    const input = new ImageData(noise, 48, 32)
    const like = await pixelsOf('samples/photos/dahlia.jpg')
    const plain = (await colorizer.colorize(input)).image.data
    const options = [
      { variant: 1, seed: 3 },
      { like },
      { class: 'goldfish' },
      { temperature: 0.5 },
      { strength: 0.5 },
    ]
    for (const asked of options)
      expect((await colorizer.colorize(input, asked)).image.data, JSON.stringify(asked)).not.toEqual(plain)
  })

  it('tells how much has been loaded, and loads each file once', () => {
    const names = ['classes.txt', 'lite.safetensors', 'mobilenet_v1.onnx']
    const total = names.map((name) => statSync(`weights/${name}`).size).reduce((a, b) => a + b)
    expect(loads.at(-1)).toEqual([total, total])
    expect(loads.every(([loaded, of], i) => of === total && loaded > (loads[i - 1]?.[0] ?? 0))).toBe(true)
    expect([...requests].sort()).toEqual([...names, 'manifest.json'].sort().map((name) => `/weights/${name}`))
  })

  it('puts what is transparent on white', async () => {
    const clear = new ImageData(new Uint8ClampedArray(32 * 32 * 4), 32, 32)
    const { image } = await colorizer.colorize(clear, { saturation: 0 })
    expect(image.data.every((level) => level === 255)).toBe(true)
  })

  it.each<[unknown, object, string]>([
    ['koala.jpg', {}, 'colorize takes a Blob, an ImageBitmap or ImageData'],
    [new ImageData(new Uint8ClampedArray(4), 1, 1), { format: 'png' }, 'colorize has no option "format"'],
    [new ImageData(new Uint8ClampedArray(4), 1, 1), { like: 5 }, 'like 5: expected a Blob, an ImageBitmap'],
    [{ ...new ImageData(new Uint8ClampedArray(4), 1, 1) }, {}, 'colorize takes a Blob'],
  ])('refuses what is of the wrong kind in a sentence: %o', async (input, options, sentence) => {
    const call = colorizer.colorize(input as ImageData, options)
    await expect(call).rejects.toThrow(TypeError)
    await expect(call).rejects.toThrow(sentence)
  })

  it('refuses calls after it was disposed of', async () => {
    await using own = await Colorizer.create({ gpu, assets: `${url}/weights/`, classifier: 'none' })
    await own.dispose()
    const late = own.colorize(new ImageData(new Uint8ClampedArray(4), 1, 1))
    await expect(late).rejects.toThrow('this Colorizer was disposed')
  })
})

describe('opening one', () => {
  const weights = new Blob([readFileSync('weights/report-lite.safetensors')])

  it('needs no server for weights in hand and no classifier', async () => {
    const before = requests.length
    await using own = await Colorizer.create({ gpu, weights, classifier: 'none' })
    expect((await own.colorize(await pixelsOf('samples/photos/koala.jpg'))).classes).toEqual([])
    expect(requests.length).toBe(before)
  })

  it('takes a class without a classifier, and fetches its name when it is told', async () => {
    const photo = await pixelsOf('samples/photos/koala.jpg')
    const loading = new AbortController()
    await using own = await Colorizer.create({
      ...{ gpu, weights, assets: `${url}/late/`, classifier: 'none', signal: loading.signal },
    })
    loading.abort() // it is loaded
    const before = requests.length
    const plain = await own.colorize(photo)
    expect(requests.length).toBe(before)
    await expect(own.colorize(photo, { class: 'sea lion' })).rejects.toThrow('the server answers 404')
    const told = await own.colorize(photo, { class: 'sea lion' })
    expect(told.classes).toEqual([{ name: 'sea lion', probability: 1 }])
    expect(told.image.data).not.toEqual(plain.image.data)
    expect(requests.slice(before)).toEqual([...Array(2).fill('/late/manifest.json'), '/late/classes.txt'])
  })

  it('needs no server either for weights that were trained without class vectors', async () => {
    const { tensors, metadata } = await readSafetensors('weights/report-lite.safetensors')
    const settings = JSON.stringify({ ...JSON.parse(metadata.settings!), classVectors: [] })
    const bytes = [...encodeSafetensors('without', tensors, { metadata: { ...metadata, settings } })]
    const [before, told] = [requests.length, vi.fn()]
    await using own = await Colorizer.create({
      gpu,
      weights: new Blob(bytes as BlobPart[]),
      onProgress: told,
    })
    expect((await own.colorize(await pixelsOf('samples/photos/koala.jpg'))).classes).toEqual([])
    expect(requests.length).toBe(before)
    expect(told).not.toHaveBeenCalled()
  })

  it('fetches the classifier while the weights still come', async () => {
    const signal = AbortSignal.timeout(30_000)
    await using own = await Colorizer.create({ gpu, assets: `${url}/waiting/`, signal })
    expect(own.isLost).toBe(false)
  })

  it('tells all bytes of weights from elsewhere and of the classifier for them', async () => {
    const told: [number, number][] = []
    const onProgress = (loaded: number, total: number) => void told.push([loaded, total])
    const elsewhere = new URL(`${url}/weights/lite.safetensors`)
    await using own = await Colorizer.create({
      ...{ gpu, weights: elsewhere, assets: `${url}/weights/`, onProgress },
    })
    expect(own).toBeDefined()
    expect(told.at(-1)![0]).toBe(told.at(-1)![1])
  })

  it.each<[string, string | undefined, object, string]>([
    [
      'beside the module',
      undefined,
      { module: 'https://a.org/p/dist/web/assets.js' },
      'https://a.org/p/weights/',
    ],
    ['below the page', 'w', { page: 'https://a.org/p/index.html' }, 'https://a.org/p/w/'],
    ['at a whole address', 'https://b.org/w/', { page: 'blob:https://a.org/1' }, 'https://b.org/w/'],
  ])('looks for the weights %s', (_, assets, around, folder) => {
    expect(folderOf(assets, { module: undefined, page: undefined, ...around }).href).toBe(folder)
  })

  it.each<[string, string | undefined, object, string]>([
    ['a bundle', undefined, {}, 'are not beside this code'],
    ['a worker from a blob', undefined, { module: 'blob:https://a.org/1' }, 'are not beside this code'],
    ['a path in such a worker', '/w/', { page: 'blob:https://a.org/1' }, 'are not to be found at "/w/"'],
    ['what is no address', 'http://', { page: 'https://a.org/' }, 'are not to be found at "http://"'],
  ])('asks for assets in a sentence: %s', (_, assets, around, what) => {
    const find = () => folderOf(assets, { module: undefined, page: undefined, ...around })
    expect(find).toThrow(UserError)
    expect(find).toThrow(`the package's weights ${what}: let assets be the whole address of their folder`)
  })

  it('takes an address of a classifier', async () => {
    const classifier = new URL(`${url}/weights/mobilenet_v1.onnx`)
    await using own = await Colorizer.create({ gpu, classifier, assets: `${url}/weights/` })
    const photo = await pixelsOf('samples/photos/koala.jpg')
    expect(await own.colorize(photo)).toEqual(await colorizer.colorize(photo))
  })

  it.each<[string, () => ColorizerOptions, string]>([
    ['without WebGPU', () => ({}), 'this browser has no WebGPU here'],
    ['without an adapter', () => ({ gpu: { requestAdapter: async () => null } as unknown as GPU }), 'no GPU'],
    ['a missing folder', () => ({ gpu, assets: `${url}/gone/` }), 'the server answers 404'],
    ['a folder that is no address', () => ({ gpu, assets: 'weights/' }), 'let assets be the whole address'],
    ['a server that is not there', () => ({ gpu, assets: 'http://127.0.0.1:1/' }), 'cannot be fetched: '],
    [
      'a page in place of the list',
      () => ({ gpu, assets: `${url}/page/` }),
      "is not the list of this package's",
    ],
    [
      'damaged weights',
      () => ({ gpu, assets: `${url}/damaged/` }),
      'lite.safetensors is damaged: its checksum is',
    ],
    [
      'an unknown classifier',
      () => ({ gpu, assets: `${url}/weights/`, classifier: 'resnet' }),
      'has no classifier "resnet"',
    ],
    ['a truncated file', () => ({ gpu, weights: weights.slice(0, 5000), classifier: 'none' }), 'the weights'],
  ])('says of %s what is wrong', async (_, options, sentence) => {
    const opening = Colorizer.create(options())
    await expect(opening).rejects.toThrow(UserError)
    await expect(opening).rejects.toThrow(sentence)
  })

  it('ends by its signal while it loads', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = () => controller.abort(reason)
    const opening = Colorizer.create({
      gpu,
      assets: `${url}/weights/`,
      signal: controller.signal,
      onProgress,
    })
    await expect(opening).rejects.toBe(reason)
  })
})

it('reads parts of a Blob', async () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i)
  const file = readAtOfBlob(new Blob([bytes]), 'dropped.bin')
  expect(file.size).toBe(100)
  expect(await file.read(5, 3)).toEqual(bytes.slice(5, 8))
  await expect(file.read(99, 2)).rejects.toThrow(
    'cannot read dropped.bin: it ends at byte 100, before byte 101',
  )
})
