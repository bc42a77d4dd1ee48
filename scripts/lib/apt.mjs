// Mesa's software Vulkan driver (llvmpipe), the Vulkan loader and other packages from the distribution's own archive.

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { backportsSources } from './apt-sources.mjs'
import { isOnPath, PACKAGE_ROOT, run } from './shell.mjs'

const DRIVER = 'mesa-vulkan-drivers'
const PACKAGES = [DRIVER, 'libvulkan1']
/** Dawn refuses the llvmpipe of Mesa 22.3, Debian 12's own: it lacks a Vulkan feature. */
const OLDEST_MESA = 23
const SOURCE_LIST = '/etc/apt/sources.list'
const SOURCE_PARTS = '/etc/apt/sources.list.d'

/** Whether there is an apt, and the right to use it without being asked for a password. */
export function mayUseApt() {
  return process.platform === 'linux' && isOnPath('apt-get') && (isRoot() || run('sudo', ['-n', 'true']).ok)
}

/**
 * Installs the packages, from the distribution's backports where its own Mesa is too old. The machine's list of
 * sources stays as it is: apt is shown a temporary copy of it.
 * @returns {{ ok: boolean, why: string }}
 */
export function installMesa() {
  const { ID, VERSION_CODENAME: codename } = osRelease()
  const parts = mkdtempSync(join(tmpdir(), 'colorizer-apt-'))
  try {
    copySources(parts, ID === 'debian' ? codename : undefined)
    const options = ['-o', `Dir::Etc::sourceparts=${parts}`]
    // One unreachable source out of several need not matter: whether the packages can be had shows next.
    const update = asRoot('apt-get', [...options, 'update'])
    const version = candidateVersion(asRoot('apt-cache', [...options, 'policy', DRIVER]).stdout)
    if (version === null) return { ok: false, why: `no source has ${DRIVER}; ${update.why}` }
    const suite = mesaMajor(version) < OLDEST_MESA ? ['-t', `${codename}-backports`] : []
    const { ok, why } = asRoot('apt-get', [...options, ...INSTALL, ...suite, ...PACKAGES])
    return { ok, why: /^[WE]:/.test(update.why) ? `${update.why} ${why}` : why }
  } finally {
    rmSync(parts, { recursive: true, force: true })
  }
}

/**
 * Installs packages as the machine's own sources have them.
 * @param {readonly string[]} packages
 * @returns {{ ok: boolean, why: string }}
 */
export function installPackages(packages) {
  asRoot('apt-get', ['update']) // whether it reached all that is needed shows next
  return asRoot('apt-get', [...INSTALL, ...packages])
}

/** Nothing is removed, no changed configuration overwritten, and another apt at work is waited for. */
const INSTALL = [
  ...['-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Options::=--force-confold'],
  ...['install', '--yes', '--no-install-recommends', '--no-remove'],
]

/**
 * Copies the machine's sources into the folder `parts`, with backports for `codename` where it is given.
 * @param {string} parts
 * @param {string | undefined} codename
 */
function copySources(parts, codename) {
  chmodSync(parts, 0o755) // apt reads some of it as a user of its own
  const names = existsSync(SOURCE_PARTS)
    ? readdirSync(SOURCE_PARTS).filter((name) => /\.(list|sources)$/.test(name))
    : []
  const files = names.map((name) => ({ name, text: readFileSync(join(SOURCE_PARTS, name), 'utf8') }))
  const main = existsSync(SOURCE_LIST)
    ? [{ name: 'sources.list', text: readFileSync(SOURCE_LIST, 'utf8') }]
    : []
  const backports = codename ? backportsSources([...main, ...files], codename) : []
  for (const { name, text } of [...files, ...backports]) writeFileSync(join(parts, name), text)
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function asRoot(command, args) {
  // RUNLEVEL=1 keeps Debian from starting the service of a server that is installed
  const calm = ['LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=l', 'RUNLEVEL=1']
  const quiet = ['env', ...calm, command, ...args]
  const [first = '', ...rest] = isRoot() ? quiet : ['sudo', '-n', ...quiet]
  return run(first, rest)
}

export function isDebian() {
  return osRelease().ID === 'debian'
}

function isRoot() {
  return process.getuid?.() === 0
}

/**
 * @param {string} policy what `apt-cache policy PACKAGE` printed
 * @returns {string | null} the version that would be installed
 */
export function candidateVersion(policy) {
  const version = /^\s*Candidate:\s*(\S+)/m.exec(policy)?.[1]
  return version && version !== '(none)' ? version : null
}

/** @param {string} version as Debian writes it, with or without an epoch: 22.3.6-1+deb12u1 */
export function mesaMajor(version) {
  return Number.parseInt(version.replace(/^\d+:/, ''), 10)
}

/** @returns {Record<string, string | undefined>} */
function osRelease() {
  if (!existsSync('/etc/os-release')) return {}
  const lines = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]))
}

/** The one command that installs a Vulkan driver here, for a person who may do what we may not. */
export function driverCommand() {
  const sudo = isRoot() ? '' : 'sudo '
  const { ID, VERSION_ID } = osRelease()
  // There the driver is in backports, which takes more than one command by hand, but not this script.
  const needsBackports = ID === 'debian' && Number(VERSION_ID) < 13
  if (needsBackports) return `${sudo}"${process.execPath}" "${join(PACKAGE_ROOT, 'scripts', 'setup.mjs')}"`
  if (isOnPath('dnf')) return `${sudo}dnf install mesa-vulkan-drivers vulkan-loader`
  if (isOnPath('pacman')) return `${sudo}pacman -S vulkan-swrast vulkan-icd-loader`
  if (isOnPath('zypper')) return `${sudo}zypper install libvulkan_lvp libvulkan1`
  return `${sudo}apt-get install ${PACKAGES.join(' ')}`
}
