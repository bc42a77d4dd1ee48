/** Losses of steps as a line, in the colours of the page. */

const MARGIN = 12

export function drawCurve(canvas: HTMLCanvasElement, losses: readonly number[]): void {
  const context = canvas.getContext('2d')!
  const { width, height } = canvas
  // one after another: no call takes as many arguments as a long training has steps
  const most = losses.reduce((one, other) => Math.max(one, other))
  const least = losses.reduce((one, other) => Math.min(one, other))
  const across = (i: number) => MARGIN + (i / Math.max(1, losses.length - 1)) * (width - 2 * MARGIN)
  const down = (loss: number) =>
    height - MARGIN - ((loss - least) / Math.max(1e-9, most - least)) * (height - 2 * MARGIN)
  context.clearRect(0, 0, width, height)
  context.strokeStyle = getComputedStyle(canvas).color
  context.lineWidth = 4
  context.lineJoin = 'round'
  context.beginPath()
  for (const [i, loss] of losses.entries()) context.lineTo(across(i), down(loss))
  context.stroke()
}
