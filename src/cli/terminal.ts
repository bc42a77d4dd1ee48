import { isatty, WriteStream } from 'node:tty'

/** What a command says to the person who runs it. Results go to stdout, everything else to stderr. */
export interface Terminal {
  /** A line that stays. Silent with --quiet. */
  say(line: string): void
  /** A line worth seeing even with --quiet: something went wrong, the work goes on. */
  warn(line: string): void
  /** The state of the work, redrawn in place on a terminal, and now and then as a line elsewhere. */
  progress(state: string): void
}

/** The terminal as the command line itself uses it. */
export interface Screen extends Terminal {
  /** Takes the state of the work away, so that the next output starts on a line of its own. */
  clear(): void
}

/** Without a terminal to redraw on, at most one progress line in this many milliseconds. */
const PLAIN_INTERVAL_MS = 10_000

/** Where everything but results is written: the terminal, where the launcher has put a pipe into stderr's place, else stderr. */
export const stderr = openStderr(Number(process.env.COLORIZER_TERMINAL))

function openStderr(terminal: number): WriteStream {
  if (!terminal || !isatty(terminal)) return process.stderr
  const stream = new WriteStream(terminal) as WriteStream & { _refreshSize(): void }
  process.on('SIGWINCH', () => stream._refreshSize()) // as Node does for its own streams
  return stream
}

export function openTerminal(quiet: boolean, stream: WriteStream = stderr): Screen {
  let drawn = 0
  let lastPlain = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (drawn) stream.write(`\r${' '.repeat(drawn)}\r`)
    drawn = 0
  }
  const warn = (line: string) => {
    clear()
    stream.write(`${line}\n`)
  }
  return {
    clear,
    warn,
    say: (line) => {
      if (!quiet) warn(line)
    },
    progress: (state) => {
      if (quiet) return
      if (stream.isTTY) {
        clear()
        const line = state.slice(0, (stream.columns || 80) - 1)
        stream.write(line)
        drawn = line.length
      } else if (performance.now() - lastPlain >= PLAIN_INTERVAL_MS) {
        lastPlain = performance.now() // the machine's clock may be set meanwhile
        stream.write(`${state}\n`)
      }
    },
  }
}

/** "━━━━━━────  60%" */
export function bar(share: number, cells = 20): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * cells)
  return `${'━'.repeat(full)}${'─'.repeat(cells - full)} ${Math.floor(share * 100)}%`
}

/** "1 h 02 min", "3 min 20 s", "12 s" */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s >= 3600)
    return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`
  return s >= 60 ? `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s` : `${s} s`
}
