import {
  Colorizer,
  formatHints,
  type Hint,
  type PhotoStudy,
  parseHints,
  UserError,
} from 'webgpu-colorizer/web'

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
    const study: PhotoStudy<{ readonly image: ImageData }> = await colorizer.study(data)
    const told: readonly Hint[] = [{ x: 0.5, y: 0.5, color: '#b03020' }]
    const { hints } = parseHints(formatHints(told, data), 'hints.json')
    for (const { color, probability } of await study.likely({ x: 0.1, y: 0.2 }, { hints }))
      console.log(color, probability)
    images.push((await study.colorize({ hints, saturation: 1 })).image)
    await study.dispose()
  } catch (error) {
    if (error instanceof UserError) console.log(error.trouble)
  }
  await colorizer.dispose()
  return images
}
