/** The worker that the page talks to: pictures, the network and the GPU are here, so that the page never waits. */
import { optionsOf } from '../look.ts'
import { answerCalls } from './calls.ts'
import { distinctColours } from './distinct.ts'
import type { PageMethods } from './methods.ts'
import { Studio } from './studio.ts'
import type { Training } from './training.ts'

/** Colours that are offered for a place. */
const SWATCHES = 10

const studio = new Studio()

let opened: Promise<Training> | null = null

/** Its code comes when it is first wanted. */
function training(): Promise<Training> {
  opened ??= import('./training.ts').then(({ Training }) => new Training(() => studio.assets()))
  return opened
}

answerCalls<PageMethods>(self as never, {
  start: (wanted, { tell }) => studio.start(wanted, (loaded, total) => tell({ loaded, total })),
  networks: () => studio.networks(),
  open: async ({ file }) => {
    const { id, picture } = await studio.add(file)
    const { width, height } = picture
    return { picture: id, width, height }
  },
  colour: ({ picture, hints, version }, { signal }) =>
    studio.colour(picture, hints, { ...optionsOf(version), signal }),
  original: async ({ picture, view }) => ({ data: studio.picture(picture).original(view) }),
  coloured: async ({ picture, view, look }) => ({ data: await studio.coloured(picture, view, look) }),
  likely: async ({ picture, x, y, hints }) =>
    distinctColours(await studio.likely(picture, { x, y }, hints), SWATCHES),
  encode: ({ picture, look, format }, { signal }) => studio.encode(picture, look, { ...format, signal }),
  close: async ({ picture }) => void (await studio.remove(picture)),
  train: async (wish, { signal, tell }) => (await training()).run(wish, { signal, tell }),
  kept: async () => (await training()).kept,
  trained: async () => (await training()).weights(),
})
