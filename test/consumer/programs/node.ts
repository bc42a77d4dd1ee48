import {
  Colorizer,
  findPhotos,
  listAdapters,
  openGpu,
  openPhotos,
  readPhoto,
  storeIn,
  UserError,
} from 'webgpu-colorizer'
import { Predictor } from 'webgpu-colorizer/train'

/** What a program for Node may use: nothing of it is run. */
export async function all(path: string): Promise<void> {
  await using colorizer = await Colorizer.create({ classifier: 'none', onProgress: (stage) => stage.length })
  const { image, width, classes } = await colorizer.colorize(path, { saturation: 1, format: 'png' })
  const [first] = classes
  console.log(image.length * width, first?.name, await listAdapters())
  const gpu = await openGpu()
  gpu.device.queue satisfies GPUQueue
  const photo = await readPhoto(image)
  const photos = await findPhotos([path])
  const source = await openPhotos(
    photos.map((one) => one.path),
    { size: 64, batch: 1, seed: 0, classes: 1000, augment: false, fit: 'crop' },
  )
  console.log(photo.rgb.length, source.batchesPerEpoch, storeIn('run'), Predictor, UserError)
}
