/** Where the work of many machines is read and written: a folder that all of them see, or a bucket. */
import { UserError } from '../../errors.ts'
import { openBucket } from './bucket.ts'
import { FolderStorage } from './folder.ts'
import type { Storage } from './interface.ts'

export type { Storage, StoredFile } from './interface.ts'

/**
 * The storage at a folder, there or not yet, or at s3://BUCKET/PREFIX.
 * @throws UserError when the address is of another kind, and when a bucket cannot be used
 */
export async function openStorage(address: string): Promise<Storage> {
  const scheme = /^(\w[\w+.-]+):\/\//.exec(address)?.[1]
  if (scheme === undefined) return new FolderStorage(address)
  if (scheme === 's3') return openBucket(address)
  throw new UserError(`cannot open ${address}: a folder or s3://BUCKET/PREFIX is expected`, 'usage')
}
