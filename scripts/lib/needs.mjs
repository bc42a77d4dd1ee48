/** Commands that look at files only, or (doctor) are there for when no adapter is found. */
const WITHOUT_ADAPTER = ['doctor', 'weights', 'completions']
/** Of the queue, only these colour. */
const QUEUE_WITH_ADAPTER = ['work', 'try']

/**
 * Whether what is asked for opens a GPU.
 * @param {string[]} args
 */
export function needsAdapter(args) {
  const [command, action = ''] = args
  if (command === undefined || args.some((arg) => ['--help', '-h', '--version'].includes(arg))) return false
  if (command !== 'queue') return !WITHOUT_ADAPTER.includes(command)
  // behind options the action may be anywhere; to look for an adapter in vain does no harm
  const actions = action.startsWith('-') ? args.slice(1) : [action]
  return (
    actions.some((name) => QUEUE_WITH_ADAPTER.includes(name)) ||
    (actions.includes('prepare') && args.some((arg) => /^--taps(=|$)/.test(arg)))
  )
}
