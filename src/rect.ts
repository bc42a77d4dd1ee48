/** Of a picture in pixels, or of a grid in cells. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** A rectangle inside a picture, in pixels from its upper left corner. */
export interface Rect extends Size {
  readonly x: number
  readonly y: number
}
