/**
 * The library for browsers: the same class as that for Node, which takes and gives what browsers have. Nothing in it is
 * Node's. What it throws for people is a `UserError`.
 */
/// <reference lib="esnext.disposable" preserve="true" />

export { UserError } from '../errors.ts'
export type { PhotoStudy, PossibleColour, StudyOptions } from '../infer/photo-study.ts'
export { formatHints, type Hint, parseHints } from '../io/hints.ts'
export type { SeenClass } from '../model/classifier.ts'
export type { OnBytes } from './assets.ts'
export {
  type ColorizeOptions,
  Colorizer,
  type ColorizerOptions,
  type ColouredImage,
} from './colorizer.ts'
export type { ImageInput } from './images.ts'
