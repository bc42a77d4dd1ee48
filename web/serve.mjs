#!/usr/bin/env node
// Builds the page and serves it to this computer alone.
//
//   npm run web [-- OPTIONS]
//
// Exit codes: 0 ended by Ctrl-C, 1 the page could not be built or served, 2 unknown option.

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, preview } from 'vite'

const HELP = `Builds the page and serves it to this computer alone, until Ctrl-C.

      --port N   8080 unless given; where that is taken, the next one that is free
      --open     opens it in the browser
      --built    serves what is in dist-web/ as it is
  -h, --help     this help`

const CONFIG = fileURLToPath(new URL('vite.config.ts', import.meta.url))

/** Throws for options that there are not. */
function options() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      open: { type: 'boolean', default: false },
      built: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`--port is a number from 0 to 65535, not "${values.port}"`)
  return { ...values, port }
}

async function main() {
  let asked
  try {
    asked = options()
  } catch (error) {
    console.error(/** @type {Error} */ (error).message)
    return 2
  }
  if (asked.help) {
    console.log(HELP)
    return 0
  }
  try {
    if (!asked.built) await build({ configFile: CONFIG, logLevel: 'warn' })
    const { port, open } = asked
    const server = await preview({ configFile: CONFIG, preview: { host: '127.0.0.1', port, open } })
    console.log(`The page is at ${server.resolvedUrls?.local[0]} (Ctrl-C ends it)`)
  } catch (error) {
    console.error(`The page cannot be served: ${/** @type {Error} */ (error).message}`)
    return 1
  }
  return 0
}

process.exitCode = await main()
