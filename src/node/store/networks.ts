/** This package's networks, on trunks that lie on the disk. */
import { trunkOf } from '../../io/onnx/trunk.ts'
import { networksOn } from '../../model/registry.ts'
import { missingTrunk, type Trunk, type TrunkName } from '../../model/trunk.ts'
import { readModel } from '../onnx-file.ts'
import { type ClassifierFile, findOrigin } from './classifiers.ts'

const trunks = new Map<string, Promise<Trunk>>()

/** A trunk of the layers of a classifier's file, read once. Throws as `readModel` and `trunkOf`. */
export function loadTrunk({ name, sha256, path }: ClassifierFile): Promise<Trunk> {
  const loading = trunks.get(sha256) ?? readModel(path).then((model) => trunkOf({ name, sha256, model }))
  trunks.set(sha256, loading)
  loading.catch(() => trunks.delete(sha256)) // the file may be mended
  return loading
}

async function findTrunk(trunk: TrunkName): Promise<Trunk> {
  const loaded = trunks.get(trunk.sha256)
  if (loaded) return loaded
  const file = await findOrigin({ classifier: trunk.name, sha256: trunk.sha256, fit: 'stretch' }).catch(
    (cause) => {
      throw missingTrunk(trunk, cause)
    },
  )
  return loadTrunk(file)
}

/** Weights may be of these. A trunk of a file of one's own is known once it is loaded. */
export const NODE_NETWORKS = networksOn(findTrunk)
