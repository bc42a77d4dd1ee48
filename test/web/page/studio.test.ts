/** Pictures of the page's worker, with networks that need no GPU. */
import { afterEach, expect, it, vi } from 'vitest'
import { UserError } from '../../../src/errors.ts'
import { Colorizer } from '../../../src/web/index.ts'
import { USUAL_LOOK } from '../../../web/src/look.ts'
import { Picture } from '../../../web/src/worker/picture.ts'
import { Studio } from '../../../web/src/worker/studio.ts'
import '../pixels.ts'

const photo = { rgb: new Uint8Array(3), width: 1, height: 1 }
const picture = {
  ...{ width: 1, height: 1, content: { x: 0, y: 0, width: 1, height: 1 } },
  prepare: async () => ({ seen: photo, isToned: false, notes: [] }),
  colouringOf: () => ({}),
  encode: async () => new Blob(),
  close: () => {},
}

const unraised = new AbortController().signal

afterEach(() => {
  vi.restoreAllMocks()
})

/** A network that sees its own name in every picture, once it is told to look on. */
function network(name: string) {
  let isDisposed = false
  let lookOn = () => {}
  const looking = new Promise<void>((resolve) => {
    lookOn = resolve
  })
  const colours = async () => {
    if (isDisposed) throw new UserError('this Colorizer was disposed: create another one', 'usage')
  }
  const study = vi.fn(async () => {
    await looking
    return {
      classes: [{ name, probability: 1 }],
      saturation: 1,
      colours,
      dispose: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }
  })
  const dispose = async () => {
    isDisposed = true
  }
  return { study, dispose, lookOn, adapterName: 'none', givesProbabilities: true, isLost: false }
}

/** A studio with a picture, and networks that are started one after the other. */
async function studioOf(...networks: ReturnType<typeof network>[]) {
  const create = vi.spyOn(Colorizer, 'create')
  for (const one of networks) create.mockResolvedValueOnce(one as unknown as Colorizer)
  vi.spyOn(Picture, 'of').mockResolvedValue(picture as unknown as Picture)
  const studio = new Studio()
  const start = () => studio.start({ weights: 'any' }, () => {})
  await start()
  const { id } = await studio.add(new Blob())
  return { studio, id, start, colour: () => studio.colour(id, [], {}) }
}

it('colours with the network that was chosen last, also where others were chosen meanwhile', async () => {
  const [first, second, third] = ['first', 'second', 'third'].map(network)
  const { start, colour } = await studioOf(first!, second!, third!)
  const colouring = colour()
  await start()
  second!.study.mockClear()
  first!.lookOn()
  await vi.waitFor(() => expect(second!.study).toHaveBeenCalled())
  await start()
  for (const one of [second!, third!]) one.lookOn()
  expect((await colouring).classes.map(({ name }) => name)).toEqual(['third'])
})

it('opens a network anew that could not be opened', async () => {
  const trouble = new UserError('the weights cannot be fetched', 'weights')
  const create = vi.spyOn(Colorizer, 'create').mockRejectedValueOnce(trouble).mockRejectedValueOnce(trouble)
  const late = network('late')
  late.lookOn()
  create.mockResolvedValueOnce(late as unknown as Colorizer)
  vi.spyOn(Picture, 'of').mockResolvedValue(picture as unknown as Picture)
  const studio = new Studio()
  await expect(studio.start({ weights: 'any' }, () => {})).rejects.toBe(trouble)
  const { id } = await studio.add(new Blob())
  await expect(studio.colour(id, [], {})).rejects.toBe(trouble)
  expect((await studio.colour(id, [], {})).classes).toMatchObject([{ name: 'late' }])
  expect(create).toHaveBeenCalledTimes(3)
})

it('removes a picture only once the files that are made of it are done', async () => {
  const only = network('only')
  only.lookOn()
  const { studio, id, colour } = await studioOf(only)
  await colour()
  const closed = vi.spyOn(picture, 'close')
  let finish = (_: Blob) => {}
  const written = new Promise<Blob>((resolve) => {
    finish = resolve
  })
  vi.spyOn(picture, 'encode').mockReturnValue(written)
  const options = { type: 'image/png', quality: 1, signal: unraised }
  const encoding = studio.encode(id, USUAL_LOOK, options)
  const removing = studio.remove(id)
  await expect(studio.encode(id, USUAL_LOOK, options)).rejects.toThrow('closed')
  expect(closed).not.toHaveBeenCalled()
  const file = new Blob(['the file'])
  finish(file)
  expect(await encoding).toBe(file)
  await removing
  expect(closed).toHaveBeenCalledTimes(1)
})

it('tells what a network that is still there cannot do, and asks it once', async () => {
  const only = network('only')
  const { colour } = await studioOf(only)
  only.study.mockRejectedValue(new UserError('too large for it', 'usage'))
  only.study.mockClear()
  await expect(colour()).rejects.toThrow('too large for it')
  expect(only.study).toHaveBeenCalledTimes(1)
})
