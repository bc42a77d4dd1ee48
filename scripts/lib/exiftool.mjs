// exiftool: the tests of the package read metadata by it, since it shares no code with this program.

import { installPackages, mayUseApt } from './apt.mjs'
import { isOnPath, say } from './shell.mjs'

/** Installs it where it is missing and apt may. Elsewhere the tests that need it say that they are skipped. */
export function installExiftool() {
  if (isOnPath('exiftool') || !mayUseApt()) return
  say('Installing exiftool with apt …')
  installPackages(['libimage-exiftool-perl'])
}
