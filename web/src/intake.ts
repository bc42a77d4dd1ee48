/** All ways by which pictures come to the page. */
import { byId, make } from './elements.ts'
import { TEXTS } from './texts.ts'

/** Photographs from before colour film, which come with the page. */
const SAMPLES = Object.entries(TEXTS.sampleNames)

/** What systems put into folders beside people's files; hidden files begin with a dot. */
const NOBODYS = /^\.|^(thumbs\.db|desktop\.ini)$/i

/** @param onFiles called with what was chosen; it may be nothing that can be read */
export function listenToIntake(onFiles: (files: readonly File[]) => void): void {
  for (const id of ['files', 'camera']) {
    const input = byId<HTMLInputElement>(id)
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])]
      input.value = '' // so that the same file can be chosen again
      if (files.length) onFiles(files)
    })
  }
  listenToDrop(onFiles)
  document.addEventListener('paste', ({ clipboardData }) => {
    const files = [...(clipboardData?.files ?? [])]
    if (files.length) onFiles(files)
  })
  fillSamples(onFiles)
}

/** Anywhere on the page. */
function listenToDrop(onFiles: (files: readonly File[]) => void): void {
  let depth = 0 // of elements that were entered and not left
  const mark = (change: number) => {
    depth = Math.max(0, depth + change)
    document.body.toggleAttribute('data-dragging', depth > 0)
  }
  addEventListener('dragenter', () => mark(1))
  addEventListener('dragleave', () => mark(-1))
  addEventListener('dragover', (event) => event.preventDefault())
  addEventListener('drop', async (event) => {
    event.preventDefault()
    mark(-depth)
    const entries = [...(event.dataTransfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry() ?? [])
    const loose = [...(event.dataTransfer?.files ?? [])]
    const found = await Promise.all(entries.map(filesIn))
    onFiles(entries.length ? found.flat() : loose)
  })
}

/** A dropped file, or all files that somebody put into a dropped folder. */
export async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile)
    return new Promise((resolve) =>
      (entry as FileSystemFileEntry).file(
        (file) => resolve([file]),
        () => resolve([]),
      ),
    )
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: File[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve) =>
      reader.readEntries(resolve, () => resolve([])),
    )
    if (some.length === 0) return found
    for (const one of some) if (!NOBODYS.test(one.name)) found.push(...(await filesIn(one)))
  }
}

function fillSamples(onFiles: (files: readonly File[]) => void): void {
  for (const [file, name] of SAMPLES) {
    const address = new URL(`samples/gray/${file}.jpg`, document.baseURI).href
    const button = make('button', { type: 'button' }, make('img', { src: address, alt: name }))
    button.addEventListener('click', async () => {
      const blob = await (await fetch(address)).blob()
      onFiles([new File([blob], `${file}.jpg`, { type: 'image/jpeg' })])
    })
    byId('samples').append(make('li', {}, button))
  }
}
