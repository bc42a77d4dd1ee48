/** Which weights colour: those that come with the page, or a file. */
import { byId } from './elements.ts'
import type { Engine } from './engine.ts'
import { TEXTS } from './texts.ts'

/** What the choice of a file is called in the list. */
const FILE = 'file'

/** @param onChoose called with the weights' name, and with a file of somebody's own */
export async function listenToNetworks(
  engine: Engine,
  onChoose: (weights: string, file?: Blob) => void,
): Promise<void> {
  const select = byId<HTMLSelectElement>('network')
  const input = byId<HTMLInputElement>('weights-file')
  const names = await engine.networks().catch(() => ['lite'])
  for (const name of names)
    if (name in TEXTS.networks) select.add(new Option(TEXTS.networks[name], name, name === 'lite'))
  select.add(new Option(TEXTS.ownWeights, FILE))
  let chosen = select.value
  select.addEventListener('change', () => {
    if (select.value === FILE) {
      select.value = chosen // until there is a file
      input.click()
      return
    }
    chosen = select.value
    onChoose(chosen)
  })
  input.addEventListener('change', () => {
    const [file] = input.files ?? []
    input.value = ''
    if (!file) return
    chosen = FILE
    select.options[select.length - 1]!.text = file.name
    select.value = FILE
    onChoose(file.name, file)
  })
}
