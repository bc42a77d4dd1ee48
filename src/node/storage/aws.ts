/** Amazon's S3 client, which people install beside this package when they use buckets. */
import { UserError } from '../../errors.ts'

/** What of the client is used here. */
export type Aws = typeof import('@aws-sdk/client-s3') & Pick<typeof import('@aws-sdk/lib-storage'), 'Upload'>

const PACKAGES = ['@aws-sdk/client-s3', '@aws-sdk/lib-storage'] as const

/**
 * The client's modules.
 * @param load imports a package
 * @throws UserError that says what to install when one is missing
 */
export async function loadAws(load = (name: string): Promise<unknown> => import(name)): Promise<Aws> {
  try {
    const [client, { Upload }] = (await Promise.all(PACKAGES.map(load))) as [Aws, Aws]
    return { ...client, Upload }
  } catch (cause) {
    throw new UserError(
      `buckets need packages that are not installed: npm install ${PACKAGES.join(' ')}`,
      'usage',
      { cause },
    )
  }
}
