/** ImageData, which Node has not: as much of it as the library makes and takes. */
class Pixels {
  readonly colorSpace = 'srgb'
  constructor(
    readonly data: Uint8ClampedArray,
    readonly width: number,
    readonly height: number,
  ) {}
}
globalThis.ImageData = Pixels as unknown as typeof ImageData
