/** Weight files of browsers. */

import { parseModel } from '../io/onnx/model.ts'
import { trunkOf } from '../io/onnx/trunk.ts'
import { type ReadAt, readAtOf } from '../io/read-at.ts'
import { expectTrained, parseWeights, type WeightFile } from '../io/weights.ts'
import { networksOn } from '../model/registry.ts'
import { missingTrunk, type Trunk, type TrunkName } from '../model/trunk.ts'
import type { Asset, Assets } from './assets.ts'
import { readAtOfBlob } from './read-at.ts'

/** Where weights are: the name of the package's own, their address, or what is in hand. */
export type WeightsSource = string | URL | Blob | Uint8Array

/**
 * The weights of a trained network, and the network on its trunk.
 * @throws UserError when they cannot be had, or cannot colour
 */
export async function loadWeights(source: WeightsSource, assets: Assets): Promise<WeightFile> {
  const reader = readAt(await inHand(source, assets))
  const weights = await parseWeights(
    reader,
    networksOn((trunk) => loadTrunk(trunk, assets)),
  )
  expectTrained(reader.name, weights)
  return weights
}

async function inHand(source: WeightsSource, assets: Assets): Promise<Asset | Blob | Uint8Array> {
  if (typeof source === 'string') return assets.load(await assets.find('colouriser', source))
  return source instanceof URL ? assets.loadFrom(source) : source
}

/** A classifier of the package, as what a network looks through. */
async function loadTrunk(trunk: TrunkName, assets: Assets): Promise<Trunk> {
  const listed = await assets.find('classifier', trunk.name)
  if (listed.sha256 !== trunk.sha256) throw missingTrunk(trunk)
  const { bytes, name } = await assets.load(listed)
  return trunkOf({ ...trunk, model: await parseModel(bytes, { name }) })
}

function readAt(file: Asset | Blob | Uint8Array): ReadAt {
  if (file instanceof Blob) return readAtOfBlob(file, (file as Partial<File>).name ?? 'the weights')
  return file instanceof Uint8Array ? readAtOf(file, 'the weights') : readAtOf(file.bytes, file.name)
}
