#!/usr/bin/env node
// Everything a clone needs before the first command, with nothing but Node and npm: the dependencies, the shaders' text
// as a module, and a WebGPU adapter. The npm scripts run it as their `pre` script; on a machine that has all of it, it only looks.
//
//   --quiet              say nothing when there is nothing to do
//   --no-adapter-needed  no adapter
//   --peers              also what the benchmarks compare with
//   --wgpu               also the second WebGPU that the tests run on
//   --web-peers          also what the benchmark of the page compares with
//   --web                also what builds and serves the page
//   --browsers           also the browsers that the tests drive, and what drives them
//   --consumer           also what the tests of the package compile, bundle and read metadata with
//   --queue              also the server that the tests of the queue start
//
// COLORIZER_DRIVER=swiftshader leaves the system's drivers alone; COLORIZER_CACHE=DIR keeps what is fetched there.
// Exit codes: 0 ready, 1 dependencies or browsers could not be installed, 2 unknown option, 3 no adapter.

import { embedShaders } from './embed-shaders.mjs'
import { ensureAdapter } from './lib/adapter.mjs'
import { ensureBrowsers } from './lib/browsers.mjs'
import {
  installBrowserTests,
  installConsumer,
  installDependencies,
  installPeers,
  installWeb,
  installWebPeers,
  installWgpu,
} from './lib/dependencies.mjs'
import { installExiftool } from './lib/exiftool.mjs'
import { ensureRedis } from './lib/redis.mjs'
import { reportFailure, SetupError } from './lib/shell.mjs'

const OPTIONS = [
  ...['--quiet', '--no-adapter-needed', '--peers', '--web-peers', '--wgpu', '--web', '--browsers'],
  ...['--consumer', '--queue'],
]

try {
  const given = process.argv.slice(2)
  const unknown = given.find((option) => !OPTIONS.includes(option))
  if (unknown) throw new SetupError(`Unknown option ${unknown}; setup.mjs knows ${OPTIONS.join(', ')}.`, 2)

  installDependencies()
  embedShaders()
  if (given.includes('--peers')) installPeers()
  if (given.includes('--web-peers')) installWebPeers()
  if (given.includes('--wgpu')) installWgpu()
  if (given.includes('--web')) installWeb()
  if (given.includes('--browsers')) {
    installBrowserTests()
    ensureBrowsers()
  }
  if (given.includes('--consumer')) {
    installConsumer()
    installExiftool()
  }
  if (given.includes('--queue')) ensureRedis()
  if (!given.includes('--no-adapter-needed')) ensureAdapter({ quiet: given.includes('--quiet') })
} catch (error) {
  process.exitCode = reportFailure(error)
}
