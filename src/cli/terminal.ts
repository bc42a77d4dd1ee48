import { isatty, WriteStream } from 'node:tty'

/** What a command says to the person who runs it. Results go to stdout, everything else to stderr. */
export interface Terminal {
  /** Lines that stay. Silent with --quiet. */
  say(text: string): void
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

/** Writes a piece of a result that is too large to be held whole, and waits until it is taken. */
export function writeOut(text: string): Promise<void> {
  return new Promise((resolve, reject) =>
    process.stdout.write(text, (error) => (error ? reject(error) : resolve())),
  )
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
    stream.write(`${printable(line)}\n`)
  }
  return {
    clear,
    warn,
    say: (text) => {
      if (quiet) return
      for (const line of text.split('\n')) warn(line)
    },
    progress: (unsafe) => {
      if (quiet) return
      const state = printable(unsafe)
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

/** Control characters, and those that turn the direction of what follows: names of files may have them. */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** The text with such characters written as escapes, so that a name cannot move the cursor or break a line: "a\\nb". */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (character) =>
    character === '\n' || character === '\t' || character === '\r'
      ? JSON.stringify(character).slice(1, -1)
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

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
