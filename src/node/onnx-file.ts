/** ONNX files on disk, and what is beside them. */
import { constants } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { UserError } from '../errors.ts'
import type { Beside } from '../io/onnx/external.ts'
import { expectSize, type OnnxModel, parseModel, parseTensor } from '../io/onnx/model.ts'
import { type HostTensor, quote } from '../io/onnx/tensors.ts'
import { fileOf, type OpenFile, withFile } from './read-at.ts'
import { fileTrouble } from './trouble.ts'

const CODE = 'weights'

/**
 * Reads a model, with external data from its folder.
 * @throws UserError about weights: it cannot be read, or as `parseModel`
 */
export async function readModel(path: string): Promise<OnnxModel> {
  const beside: Beside = { open: (location, where) => openBeside(dirname(path), location, where) }
  return parseModel(await readWhole(path), { name: path, beside })
}

/** Reads a file that holds one TensorProto, as ONNX's backend tests do. Throws as `readModel`. */
export async function readTensorFile(path: string): Promise<HostTensor & { readonly name: string }> {
  return parseTensor(await readWhole(path), path)
}

async function readWhole(path: string): Promise<Uint8Array> {
  // before it is opened, since opening a pipe would block
  const info = await stat(path).catch((error) => {
    throw fileTrouble('read', path, error, CODE)
  })
  if (info.isDirectory()) throw bad(path, 'is a folder')
  if (!info.isFile()) throw bad(path, 'is not a regular file')
  expectSize(info.size, path)
  return withFile(path, CODE, (file) => file.read(0, file.size))
}

async function openBeside(folder: string, location: string, where: string): Promise<OpenFile> {
  const path = await insideFolder(folder, location, where)
  let file: FileHandle | undefined
  try {
    // `path` was free of links; these flags refuse a link that was put there since, and keep a pipe from blocking
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    const info = await file.stat()
    if (!info.isFile()) throw bad(where, `has its data at ${path}, which is not a file`)
    return fileOf(file, path, info.size, CODE)
  } catch (error) {
    await file?.close()
    throw fileTrouble('read', path, error, CODE)
  }
}

/** The real path of `location`. Throws unless it lies below `folder`, with all links followed. */
async function insideFolder(folder: string, location: string, where: string): Promise<string> {
  const named = join(folder, location)
  try {
    const real = await realpath(named)
    const inside = relative(await realpath(folder), real)
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw bad(where, `has its data at ${quote(location)}, a link that leaves the model's own folder`)
    }
    return real
  } catch (error) {
    throw fileTrouble('read', named, error, CODE)
  }
}

const bad = (where: string, what: string) => new UserError(`${where} ${what}`, CODE)
