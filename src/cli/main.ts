import { EXIT } from './exit.ts'
import { program } from './program.ts'

// a closed pipe (`colorizer … | head`) is no error of ours
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.someInputFailed),
)

process.exitCode = await program(process.argv.slice(2))
