/** The longest that a turn of the event loop may be held up, in ms: workers' messages wait as long. */
const LONGEST = 2
/** The share of the time waited so far that a turn may sleep, which is also the most by which a wait gets longer. */
const SHARE = 1 / 16

const never = new Int32Array(new SharedArrayBuffer(4))
let waiting = 0
let since = 0
let isSleepDue = false

/**
 * Waits for the GPU without keeping a core busy. Dawn's Node bindings look whether it is done in every turn of the event
 * loop, and let it turn without a pause; on a software adapter that takes a core from the very work that is waited for. So
 * turns sleep while somebody waits.
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
