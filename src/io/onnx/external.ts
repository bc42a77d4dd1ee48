/** Data of tensors in files beside the model's own. */
import { UserError } from '../../errors.ts'
import type { ReadAt } from '../read-at.ts'
import type { TensorProto } from './proto.ts'
import { type ExternalData, quote } from './tensors.ts'

/** The files beside a model: what is in its folder, or was dropped on a page with it. */
export interface Beside {
  /**
   * Opens the file at `location`: a path with slashes, relative, without "..". Links must not lead out of the folder, or
   * any model could have any file of the machine read (CVE-2022-25882, 2024-27318, 2024-5187).
   * @param where names the tensor in errors
   * @throws UserError about weights: there is no such file, or it may not be read
   */
  open(location: string, where: string): Promise<ReadAt & { close?(): Promise<void> }>
}

/** Keys of external data, as the specification lists them. An unknown one might mean something to somebody else. */
const KEYS = ['location', 'offset', 'length', 'checksum']

/**
 * Reads the external data of one model, `roomBytes` of it at most.
 * @throws UserError about weights: what the tensor says of its place makes no sense, is outside, or is too much
 */
export function externalData(beside: Beside, roomBytes: number): ExternalData {
  let room = roomBytes
  return async (tensor, where, needBytes) => {
    const { location, offset, length } = placeOf(tensor, where)
    if (length !== null && length !== needBytes) {
      throw bad(where, `needs ${needBytes} bytes, but has the length ${length} in its external data`)
    }
    if (needBytes > room) throw bad(where, 'makes the model larger than the 2 GiB that are read')
    room -= needBytes
    const file = await beside.open(location, where)
    try {
      const end = offset + needBytes
      if (end > file.size)
        throw bad(where, `needs bytes ${offset} to ${end} of ${file.name}, which has ${file.size}`)
      return await file.read(offset, needBytes)
    } finally {
      await file.close?.()
    }
  }
}

/** What the tensor says of its data's place. `length` is null where it leaves that open. */
function placeOf(tensor: TensorProto, where: string) {
  const wrong = (what: string) => bad(where, `${what} in its external data`)
  const entries = new Map<string, string>()
  for (const { key, value } of tensor.externalData ?? []) {
    if (!key || !KEYS.includes(key)) throw wrong(`has the unknown key ${quote(key ?? '')}`)
    if (entries.has(key)) throw wrong(`has the key ${quote(key)} twice`)
    entries.set(key, value ?? '')
  }
  const number = (key: string) => {
    const text = entries.get(key)
    if (text !== undefined && !/^\d{1,15}$/.test(text)) throw wrong(`has the ${key} ${quote(text)}`)
    return text === undefined ? null : Number(text)
  }
  const location = entries.get('location') ?? ''
  const isAbsolute = /^\/|^[a-z]:/i.test(location)
  if (location === '' || isAbsolute || /[\\\0]/.test(location) || location.split('/').includes('..')) {
    throw bad(where, `has its data at ${quote(location)}; it may only lie in the model's own folder`)
  }
  return { location, offset: number('offset') ?? 0, length: number('length') }
}

const bad = (where: string, what: string) => new UserError(`${where} ${what}`, 'weights')
