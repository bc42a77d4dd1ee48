/** The README's examples of the library. Throws unless there is one for Node and one for browsers. */
export function snippetsOf(readme: string): { node: string; web: string } {
  const all = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!)
  const from = (path: string) => all.filter((code) => code.includes(`from '${path}'`))
  const [node, web] = [from('webgpu-colorizer'), from('webgpu-colorizer/web')]
  if (node.length !== 1 || web.length !== 1)
    throw new Error(`the README has ${node.length} examples for Node and ${web.length} for browsers`)
  return { node: node[0]!, web: web[0]! }
}
