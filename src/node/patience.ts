/** The longest that a turn of the event loop may be held up, in ms: workers' messages wait as long. */
const LONGEST = 2
/** The share of the time waited so far that a turn may sleep, which is also the most by which a wait gets longer. */
const SHARE = 1 / 16

const never = new Int32Array(new SharedArrayBuffer(4))
let waiting = 0
let since = 0
let isSleepDue = false

/**
 * Waits for the GPU without keeping a core busy. Dawn's Node bindings ask in every turn of the event loop whether it is
 * done, and let the loop turn without a pause. On a software adapter that takes a core from the work itself. So the loop
 * sleeps in its turns while a promise of the GPU is awaited.
 */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  waiting++
  since = performance.now()
  sleepNextTurn()
  try {
    return await work
  } finally {
    waiting--
  }
}

function sleepNextTurn(): void {
  if (isSleepDue) return // once a turn, however many wait
  isSleepDue = true
  setImmediate(() => {
    isSleepDue = false
    if (waiting === 0) return
    Atomics.wait(never, 0, 0, Math.min(LONGEST, SHARE * (performance.now() - since)))
    sleepNextTurn()
  })
}
