// Reads the tar archives that npm packages and their contents come in: plain files only, all in memory.

const BLOCK_BYTES = 512

/**
 * Yields each plain file of an uncompressed tar (POSIX ustar, IEEE Std 1003.1, "ustar Interchange Format").
 * Throws when the archive ends in the middle of a file.
 * @param {Buffer} tar
 * @returns {Generator<{ name: string, bytes: Buffer }>}
 */
export function* filesInTar(tar) {
  for (let at = 0; at + BLOCK_BYTES <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + BLOCK_BYTES)
    const sizeBytes = Number.parseInt(text(header, 124, 12), 8)
    const start = at + BLOCK_BYTES
    if (!(start + sizeBytes <= tar.length)) throw new Error('the archive is cut short')
    const prefix = text(header, 345, 155)
    const name = (prefix ? `${prefix}/` : '') + text(header, 0, 100)
    if (['0', ''].includes(text(header, 156, 1)))
      yield { name, bytes: tar.subarray(start, start + sizeBytes) }
    at = start + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES
  }
}

/**
 * @param {Buffer} header
 * @param {number} start
 * @param {number} length
 */
function text(header, start, length) {
  return header.toString('utf8', start, start + length).replace(/\0.*$/s, '')
}
