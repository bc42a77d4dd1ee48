import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { advised } from '../src/cli/advice.ts'
import { COMMON_OPTIONS, parse, type Result } from '../src/cli/commands/command.ts'
import { weightsCommandOf } from '../src/cli/commands/weights.ts'
import { EXIT, type ExitCode, exitCodeOf } from '../src/cli/exit.ts'
import { UserError } from '../src/errors.ts'
import type { KnownFile } from '../src/io/manifest.ts'
import { partPath } from '../src/node/files.ts'
import { claimPart, knownFiles, locate, pathOf, readManifest } from '../src/node/store/cache.ts'
import { type FileServer, serve } from './file-server.ts'
import { onFullDisk } from './full-disk.ts'
import { type ModelParts, node, save } from './onnx-models.ts'
import { launch, start } from './program.ts'

const content = Buffer.from(Array.from({ length: 350_000 }, (_, i) => (i * i * 17 + (i >> 6)) & 255))
const otherContent = Buffer.from(content.map((byte) => byte ^ 255))
const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const folder = mkdtempSync(join(tmpdir(), 'colorizer-weights-'))
const cache = join(folder, 'cache')
const inCache = (...names: string[]) => join(cache, 'weights', ...names)
let server: FileServer
beforeAll(async () => {
  process.env.COLORIZER_CACHE = cache
  server = await serve(content)
})
beforeEach(() => {
  rmSync(cache, { recursive: true, force: true })
  server.requests.length = 0
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

function known(file: string, bytes: Uint8Array, paths: readonly string[]): KnownFile {
  const locations = paths.map((path) => `${server.url}${path}`)
  const fixed = { name: 'thing', kind: 'classifier', shipped: false, licence: 'MIT', what: 'for tests' }
  return { ...fixed, file, bytes: bytes.length, sha256: sum(bytes), locations }
}

/** `colorizer weights LINE` in this process, with two known files called "thing". */
async function weights(line: string, paths: readonly string[] = ['/file']): Promise<Result> {
  const manifest = [known('thing_a.onnx', content, paths), known('thing_b.onnx', otherContent, [])]
  const command = weightsCommandOf(() => [...readManifest(), ...manifest])
  const call = parse(line.split(' '), { ...command.options, ...COMMON_OPTIONS })
  const terminal = { say() {}, warn() {}, progress: (state: string) => void drawn.push(state) }
  return command.run({ ...call, terminal, interrupted: new AbortController().signal, beforeExit: () => {} })
}
const drawn: string[] = []

async function refused(
  line: string,
  code: ExitCode,
  sentence: RegExp,
  paths?: readonly string[],
): Promise<void> {
  const error = await weights(line, paths).catch((reason) => reason)
  expect(error).toBeInstanceOf(UserError)
  expect(advised(error)).toMatch(sentence)
  expect(exitCodeOf(error)).toBe(code)
}

const stateOf = async (file: string) => {
  const { files } = (await weights('list')).json as { files: { file: string; state: string }[] }
  return files.find((row) => row.file === file)?.state
}

describe('weights fetch', () => {
  it('brings a file into the cache, once, and draws how far it is', async () => {
    drawn.length = 0
    const { code, json, text } = await weights('fetch thing')
    const path = inCache('thing_a.onnx')
    expect(code).toBe(EXIT.ok)
    expect(json).toMatchObject({ name: 'thing', file: 'thing_a.onnx', path, sha256: sum(content) })
    expect(text).toBe(`thing → ${path}`)
    expect(readFileSync(path).equals(content)).toBe(true)
    expect(readdirSync(inCache())).toEqual(['thing_a.onnx'])
    expect(drawn.at(-1)).toMatch(/^━{20} 100% thing 0\.3 of 0\.3 MB · [\d.]+ [kM]B\/s · 0 s left$/)
    expect(await locate('thing', [known('thing_a.onnx', content, [])])).toMatchObject({ path })

    expect((await weights('fetch thing')).text).toBe(`thing is here already: ${path}`)
    expect(server.requests).toHaveLength(1)
  })

  it('replaces a damaged one', async () => {
    mkdirSync(inCache(), { recursive: true })
    writeFileSync(inCache('thing_a.onnx'), otherContent)
    await expect(locate('thing', [known('thing_a.onnx', content, [])])).rejects.toThrow(
      /thing_a\.onnx is damaged: its checksum is .*; fetch or import thing again/,
    )
    await weights('fetch thing')
    expect(readFileSync(inCache('thing_a.onnx')).equals(content)).toBe(true)
  })

  it('says what is wrong, keeps what is good, and continues the next time', async () => {
    await refused(
      'fetch thing',
      4,
      /^cannot fetch thing: .* bytes are kept: try again to continue or bring a copy/,
      ['/no-ranges-cut'],
    )
    const [part] = readdirSync(inCache())
    expect(part).toBe(basename(partPath('thing_a.onnx')))
    const kept = statSync(inCache(part!)).size
    server.requests.length = 0
    await weights('fetch thing')
    expect(server.requests).toEqual([`GET /file ${kept}-`])
    expect(readdirSync(inCache())).toEqual(['thing_a.onnx'])
  })

  it('leaves nothing of a wrong file', async () => {
    await refused('fetch thing', 4, /has the checksum [0-9a-f]{12}…, a wrong one: bring a copy with/, [
      '/wrong',
    ])
    expect(readdirSync(inCache())).toEqual([])
  })

  it('takes --url, and any known content from there', async () => {
    const other = await serve(otherContent)
    const { json } = await weights(`fetch thing --url ${other.url}/file.onnx`)
    await other.close()
    expect(json).toMatchObject({ file: 'thing_b.onnx' })
    expect(readFileSync(inCache('thing_b.onnx')).equals(otherContent)).toBe(true)
    expect(server.requests).toEqual([])
  })

  it.each<[string, RegExp]>([
    ['fetch', /weights fetch takes one argument, not 0/],
    ['fetch nothing', /no known weights are called "nothing": choose one of .*inception-resnet-v2, thing/],
    ['fetch inception-v3', /inception-v3 has no public location: name one with --url, or bring a file with/],
    ['fetch thing --url file:///thing', /--url file:\/\/\/thing: expected an address that begins with http/],
    ['fetch thing --name it', /--name is for weights import/],
    ['list --url http://a', /--url is for weights fetch/],
    ['list --photos', /--photos is for weights verify/],
    ['list all', /weights list takes no arguments, not 1/],
    ['remove thing', /there is no "weights remove": choose one of list, fetch, verify, import/],
  ])('refuses %s', (line, sentence) => refused(line, 2, sentence))
})

describe('part files', () => {
  const GONE = 2 ** 22 // above every process id that Linux gives
  const partOf = (file: string, pid: number) => partPath(inCache(file), pid)
  beforeEach(() => mkdirSync(inCache(), { recursive: true }))

  it('of a process that has ended are taken over; of one that runs, not', async () => {
    writeFileSync(partOf('thing_a.onnx', GONE), content.subarray(0, 1000))
    writeFileSync(partOf('thing_a.onnx', process.ppid), content.subarray(0, 2000))
    writeFileSync(partOf('other.onnx', GONE), content.subarray(0, 3000))
    expect(statSync(await claimPart('thing_a.onnx')).size).toBe(1000)
    await weights('fetch thing')
    expect(server.requests).toEqual(['GET /file 1000-'])
    const kept = [partOf('other.onnx', GONE), inCache('thing_a.onnx'), partOf('thing_a.onnx', process.ppid)]
    expect(readdirSync(inCache()).sort()).toEqual(kept.map((path) => basename(path)).sort())
  })

  it('of another machine are taken over when they have not grown for long', async () => {
    const [old, fresh] = [0x12345678, 0x87654321].map((place) =>
      inCache(`thing_a.onnx.${place.toString(16)}-1.part`),
    )
    writeFileSync(old!, content.subarray(0, 2000))
    writeFileSync(fresh!, content.subarray(0, 3000))
    const past = Date.now() / 1000 - 600
    utimesSync(old!, past, past)
    expect(statSync(await claimPart('thing_a.onnx')).size).toBe(2000)
    expect([old, fresh].map((path) => existsSync(path!))).toEqual([false, true])
  })
})

describe('weights import', () => {
  const file = join(folder, 'downloaded.bin')
  const own = join(folder, 'own.onnx')
  beforeEach(() => {
    for (const path of [file, own]) rmSync(path, { force: true })
    writeFileSync(file, otherContent)
    writeFileSync(own, 'anything')
    chmodSync(file, 0o444)
  })

  it('knows a file by its checksum, whatever it is called', async () => {
    const { json, text } = await weights(`import ${file}`)
    expect(json).toMatchObject({ name: 'thing', file: 'thing_b.onnx', path: inCache('thing_b.onnx') })
    expect(text).toBe(`${file} is thing → ${inCache('thing_b.onnx')}`)
    expect(readFileSync(inCache('thing_b.onnx')).equals(otherContent)).toBe(true)
    expect(readdirSync(inCache())).toEqual(['thing_b.onnx'])
    expect(await stateOf('thing_b.onnx')).toBe('ok')
  })

  it("takes one's own under a name of its own, and replaces it", async () => {
    await weights(`import ${own} --name mine`)
    expect(await locate('mine')).toMatchObject({ path: inCache('own-mine.onnx'), kind: 'classifier' })
    expect(await stateOf('own-mine.onnx')).toBe('ok')
    writeFileSync(own, 'something else')
    await weights(`import ${own} --name mine`)
    expect(readdirSync(inCache()).sort()).toEqual(['imported.json', 'own-mine.onnx'])
    const [row, ...others] = knownFiles([])
    expect(others).toEqual([])
    expect(row).toMatchObject({ name: 'mine', bytes: 14, sha256: sum(Buffer.from('something else')) })
    expect(readFileSync(pathOf(row!), 'utf8')).toBe('something else')
  })

  it('copies nothing that comes with the package', async () => {
    const { text } = await weights('import weights/classes.txt')
    expect(text).toMatch(/is classes comes with the package, nothing was copied/)
    expect(readdirSync(inCache())).toEqual([])
  })

  it('refuses what it does not know, without a trace', async () => {
    await refused(`import ${own}`, 4, /own\.onnx is none of the known weights: give it a name .* \(--name\)$/)
    writeFileSync(own, Buffer.alloc(content.length))
    await refused(`import ${own}`, 4, /own\.onnx is none of the known weights/)
    const colouriser = join(folder, 'own.safetensors')
    writeFileSync(colouriser, 'anything')
    await refused(`import ${colouriser}`, 2, /own\.safetensors needs no import: .* \(--weights\)$/)
    await refused(
      `import ${own} --name thing`,
      4,
      /own\.onnx is not thing: its size or checksum is another one/,
    )
    expect(readdirSync(inCache())).toEqual([])
  })

  it.each<[string, number, RegExp]>([
    [`import ${join(folder, 'none')}`, 4, /cannot read .*none: no such file or folder/],
    [`import ${folder}`, 4, /cannot read .*: it is not a regular file/],
    [`import ${file} --name mine`, 2, /its name must end in \.onnx$/],
    [
      'import weights/lite.safetensors --name mine',
      2,
      /lite\.safetensors needs no import: .* \(--weights\)$/,
    ],
    [
      `import ${own} --name ../mine`,
      2,
      /the name "\.\.\/mine" cannot be used: a name is made of small letters.* \(--name\)$/,
    ],
    [`import ${own} --name auto`, 2, /the name "auto" cannot be used: a name is made of/],
  ])('refuses %s', (line, code, sentence) => refused(line, code as ExitCode, sentence))

  it('tells a damaged list of imports', async () => {
    mkdirSync(inCache(), { recursive: true })
    for (const text of [
      '{',
      '{}',
      '[{"name":"a"}]',
      '[{"name":"a","kind":"k","file":"../a","bytes":1,"sha256":"b"}]',
    ]) {
      writeFileSync(inCache('imported.json'), text)
      await refused('list', 4, /cannot read .*imported\.json: it is damaged; remove it and import again/)
    }
  })
})

describe('weights verify', () => {
  it('is content with what is missing from the cache, not with what is damaged there', async () => {
    expect(await weights('verify')).toMatchObject({ code: EXIT.ok, json: { passed: true } })
    await weights('fetch thing')
    expect((await weights('verify')).text).toMatch(
      /thing_a\.onnx +0\.3 MB {2}cached, checksum right\n[\s\S]*5 right, 0 wrong$/,
    )
    const path = inCache('thing_a.onnx')
    const changed = Buffer.from(content)
    changed[1234]! ^= 1
    writeFileSync(path, changed)
    const flipped = await weights('verify')
    expect(flipped).toMatchObject({ code: EXIT.badWeightsOrRecords, json: { passed: false } })
    expect(flipped.text).toMatch(/CORRUPT: its checksum is [0-9a-f]{12}…, a wrong one/)
    expect(flipped.text).toContain(`remove ${path} and fetch or import it again`)
    writeFileSync(path, content.subarray(1))
    expect((await weights('verify')).text).toContain('CORRUPT: it has 349999 bytes, not 350000')
    expect(await weights('list')).toMatchObject({ code: EXIT.ok })
  })
})

describe('weights verify --photos', () => {
  it('tells trained classifiers from untrained ones and from what is none', async () => {
    const zeros = { name: 'w', dims: [3, 1000], dataType: 1, rawData: Buffer.alloc(4 * 3 * 1000) }
    const untrained: ModelParts = {
      inputs: { x: [1, 3, 32, 32] },
      nodes: [
        node('GlobalAveragePool', ['x'], ['m']),
        node('Flatten', ['m'], ['f']),
        node('MatMul', ['f', 'w'], ['y']),
      ],
      initializers: [zeros],
    }
    await weights(`import ${save(folder, untrained, 'untrained.onnx')} --name untrained`)
    const noModel = join(folder, 'none.onnx')
    writeFileSync(noModel, 'no model')
    await weights(`import ${noModel} --name none-such`)
    const { code, text, json } = await weights('verify --photos')
    expect(code).toBe(EXIT.badWeightsOrRecords)
    expect(text).toMatch(/^mobilenet-v1 .* shipped, checksum right, ([89]|10) of 10 photographs recognised$/m)
    expect(text).toMatch(
      /^untrained .* cached, checksum right, but NOT TRAINED: 0 of 10 photographs recognised$/m,
    )
    expect(text).toMatch(/^none-such .* cached, checksum right, but UNUSABLE$/m)
    expect(text).toMatch(
      /\n4 right, 2 wrong\nuntrained is not trained: .*\n.*own-none-such\.onnx is truncated, damaged or not/,
    )
    expect(json).toMatchObject({ passed: false })
  })
})

describe('the program', () => {
  it('has --help, prints JSON, and refuses in one sentence', async () => {
    const [help, list, wrong] = await Promise.all([
      launch(['weights', '--help']),
      launch(['weights', 'list', '--json']),
      launch(['weights', 'get', 'it']),
    ])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout.toString()).toMatch(
      /Usage: colorizer weights list \| fetch NAME \| verify \| import FILE/,
    )
    expect(list).toMatchObject({ code: 0, stderr: '' })
    const { files } = JSON.parse(list.stdout.toString())
    expect(files[0]).toMatchObject({ name: 'lite', place: 'shipped', state: 'ok' })
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^colorizer: there is no "weights get"/),
    })
  })

  it('is interrupted by Ctrl-C and keeps what it has', async () => {
    const huge = await serve(Buffer.alloc(223_402_042))
    const fetching = start(['weights', 'fetch', 'inception-resnet-v2', '--url', `${huge.url}/stall`])
    while (
      !existsSync(inCache()) ||
      !readdirSync(inCache()).some((name) => statSync(inCache(name)).size > 0)
    ) {
      expect(fetching.child.exitCode).toBe(null)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    fetching.child.kill('SIGINT')
    const { code, stderr } = await fetching.ended
    await huge.close()
    expect(code).toBe(EXIT.interrupted)
    expect(stderr).toMatch(/colorizer: inception-resnet-v2: interrupted; run it again to continue\n$/)
    expect(readdirSync(inCache())).toEqual([
      basename(partPath('inception_resnet_v2_Opset16.onnx', fetching.child.pid)),
    ])
  })

  it('says that the disk is full and leaves nothing on it', async () => {
    const filler = join(folder, 'filler')
    writeFileSync(filler, Buffer.alloc(1_000_000))
    const { command, out, after } = await onFullDisk(folder, filler)
    const huge = await serve(Buffer.alloc(223_402_042))
    const env = { ...process.env, COLORIZER_CACHE: out }
    const line = ['weights', 'fetch', 'inception-resnet-v2', '--url', `${huge.url}/file`, '--quiet']
    const { code, stderr } = await launch(line, { command, env })
    await huge.close()
    expect(stderr).toMatch(
      /^colorizer: cannot write .*inception_resnet_v2_Opset16\.onnx\.[0-9a-f]+-\d+\.part: the disk is full\n$/,
    )
    expect(code).toBe(EXIT.someInputFailed)
    expect(readdirSync(join(after, 'weights'))).toEqual([])
  })
})
