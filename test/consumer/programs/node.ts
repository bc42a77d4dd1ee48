import {
  Colorizer,
  findClassifier,
  findPhotos,
  listAdapters,
  loadClassifier,
  openGpu,
  openPhotos,
  PhotoClassVectors,
  prepareRecords,
  readPhoto,
  storeIn,
  UserError,
} from 'webgpu-colorizer'
import { NETWORKS, Predictor, sourceOptions, type TrainingSettings, USUAL } from 'webgpu-colorizer/train'

/** What a program for Node may use: nothing of it is run. */
export async function all(path: string): Promise<void> {
  await using colorizer = await Colorizer.create({ classifier: 'none', onProgress: (stage) => stage.length })
  const { image, width, classes } = await colorizer.colorize(path, { saturation: 1, format: 'png' })
  const [first] = classes
  console.log(image.length * width, first?.name, await listAdapters())
  const gpu = await openGpu()
  gpu.device.queue satisfies GPUQueue
  const photo = await readPhoto(image)
  const paths = (await findPhotos([path])).map((one) => one.path)
  const file = await findClassifier('auto')
  const classifier = await loadClassifier(gpu, file!)
  await prepareRecords(paths, { out: 'records', classifiers: [classifier] })
  const classVectors = [classifier.origin]
  const settings: TrainingSettings = { ...USUAL, batch: 1, size: 64, classVectors, data: 'mine' }
  const kind = NETWORKS.get('report')!
  const source = await openPhotos(paths, {
    ...sourceOptions(await kind.create(kind.sizes.lite), settings),
    classVectors: [new PhotoClassVectors(classifier, readPhoto)],
  })
  console.log(photo.rgb.length, source.batchesPerEpoch, storeIn('run'), Predictor, UserError)
}
