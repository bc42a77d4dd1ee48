import { Colorizer, UserError } from 'webgpu-colorizer/web'

/** What a page may use: nothing of it is run. */
export async function all(blob: Blob, bitmap: ImageBitmap, data: ImageData): Promise<ImageData[]> {
  const onProgress = (loaded: number, total: number) => console.log(loaded / total)
  const colorizer = await Colorizer.create({ gpu: navigator.gpu, assets: '/weights/', onProgress })
  const images: ImageData[] = []
  try {
    for (const input of [blob, bitmap, data]) {
      const { image, classes } = await colorizer.colorize(input, { saturation: 1.4 })
      images.push(image)
      console.log(classes.map(({ name, probability }) => `${name} ${probability}`))
    }
  } catch (error) {
    if (error instanceof UserError) console.log(error.trouble)
  }
  await colorizer.dispose()
  return images
}
