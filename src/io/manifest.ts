/** The list of the weights that this program knows: `weights/manifest.json`. */
import * as v from 'valibot'

/** What is known of a file in any list of weights. */
export const listedFile = {
  name: v.string(),
  /** "colouriser", "classifier" or "class names". */
  kind: v.string(),
  file: v.string(),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Hexadecimal. */
  sha256: v.pipe(v.string(), v.hexadecimal()),
}

const knownFile = v.object({
  ...listedFile,
  /** In the package's own folder; otherwise in the cache. */
  shipped: v.boolean(),
  licence: v.string(),
  what: v.string(),
  /** URLs; none when it can only be imported from a file. */
  locations: v.array(v.string()),
})

/** A file of the manifest, or one that the user has imported. Several files may have one name. */
export type KnownFile = Readonly<v.InferOutput<typeof knownFile>>

const manifestSchema = v.object({ files: v.array(knownFile) })

/** The files that the text of a manifest lists. Throws an error that is not for people when it is none. */
export const parseManifest = (text: string): KnownFile[] => v.parse(manifestSchema, JSON.parse(text)).files
