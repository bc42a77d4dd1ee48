/** What the page's build adds to TypeScript; its packages are installed only where the page is built. */

/** The address of a file that is bundled as a worker. */
declare module '*?worker&url' {
  const url: string
  export default url
}

declare module '*.css'

declare module 'client-zip' {
  export function downloadZip(
    files: AsyncIterable<{ name: string; input: Blob }> | Iterable<{ name: string; input: Blob }>,
  ): Response
}
