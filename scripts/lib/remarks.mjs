// Dawn and the Vulkan loader write remarks to stderr that no switch turns off. The launcher leaves these out and passes
// on all else. What the last three mean, no Vulkan driver, the commands say once and in words of their own.

const REMARKS = [
  /^Warning: maxDynamic(Uniform|Storage)BuffersPerPipelineLayout artificially reduced /,
  /^Warning: Couldn't load Vulkan: /,
  /^Warning: vkCreateInstance: Found no drivers!/,
  /^Warning: vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER/,
]
const BEGINNING = 'Warning: '
/** Where in Dawn's source a remark comes from: on lines of its own behind the remark, ended by an empty line. */
const SOURCE = /^ {4}at .*dawn/

/**
 * Returns a function that takes a stream piece by piece and gives back what is to be shown of each piece, and of null,
 * the stream's end. An unfinished line is held back only as long as it may become a remark.
 * @returns {(piece: string | null) => string}
 */
export function remarksRemover() {
  let unfinished = ''
  /** @type {'text' | 'remark' | 'source'} what the last line was */
  let last = 'text'
  /** @param {string} line */
  const isKept = (line) => {
    if (REMARKS.some((remark) => remark.test(line))) last = 'remark'
    else if (last !== 'text' && SOURCE.test(line)) last = 'source'
    else {
      const endsSource = last === 'source' && line === '\n'
      last = 'text'
      return !endsSource
    }
    return false
  }
  return (piece) => {
    const lines = (unfinished + (piece ?? '')).split(/(?<=\n)/)
    const end = lines.at(-1)?.endsWith('\n') ? '' : (lines.pop() ?? '')
    const kept = lines.filter(isKept).join('')
    const isOpen = last !== 'text' || BEGINNING.startsWith(end) || end.startsWith(BEGINNING)
    unfinished = piece !== null && isOpen ? end : ''
    return unfinished ? kept : kept + end
  }
}
