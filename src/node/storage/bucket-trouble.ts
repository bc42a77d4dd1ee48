import { UserError } from '../../errors.ts'
import { codeOf } from '../trouble.ts'

/** What was tried, for the message. */
export interface Tried {
  readonly verb: 'read' | 'write' | 'open'
  readonly what: string
  readonly bucket: string
  /** Where the environment names one. */
  readonly endpoint: string | undefined
}

const KEYS = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'

/** By the names of S3's errors, of the client's, and of Node's. */
const SENTENCES: Readonly<Record<string, (tried: Tried) => string>> = {
  NoSuchBucket: ({ bucket, endpoint }) => `there is no bucket ${bucket} at ${endpoint ?? "Amazon's S3"}`,
  InvalidBucketName: ({ bucket }) => `${bucket} is no name of a bucket`,
  NoSuchKey: () => 'no such file',
  NotFound: () => 'no such file or bucket',
  AccessDenied: () => `access is denied to these keys (${KEYS})`,
  Forbidden: () => `access is denied to these keys (${KEYS})`,
  InvalidAccessKeyId: () => 'the server does not know the access key (AWS_ACCESS_KEY_ID)',
  SignatureDoesNotMatch: () => 'the secret key is wrong (AWS_SECRET_ACCESS_KEY)',
  ExpiredToken: () => 'the keys have expired (AWS_SESSION_TOKEN)',
  CredentialsProviderError: () => `there are no keys: set ${KEYS}, or AWS_PROFILE`,
  RequestTimeTooSkewed: () => 'the clock of this machine is wrong by many minutes',
  PermanentRedirect: () => 'the bucket is in another region (AWS_REGION)',
  AuthorizationHeaderMalformed: () => 'the bucket is in another region (AWS_REGION)',
  SlowDown: () => 'the server has too much to do',
  TimeoutError: () => 'the server does not answer',
  ENOTFOUND: (tried) => `${server(tried)} has an unknown name`,
  EAI_AGAIN: (tried) => `the name of ${server(tried)} cannot be looked up`,
  ECONNREFUSED: (tried) => `nothing listens at ${server(tried)}`,
  ECONNRESET: (tried) => `${server(tried)} cuts the connection`,
}

const server = ({ endpoint }: Tried) =>
  endpoint ? `the endpoint ${endpoint} (AWS_ENDPOINT_URL)` : "Amazon's S3"

/** In words, why a bucket refused: `error` is what the client threw. A UserError is passed on as it is. */
export function bucketTrouble(tried: Tried, error: unknown): UserError {
  if (error instanceof UserError) return error
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const known = SENTENCES[name] ?? SENTENCES[codeOf(error) ?? '']
  const isNameless = hasServerTrouble(error) && !(error as { readonly Code?: string }).Code
  const status = isNameless ? `${server(tried)} answers with status ${statusOf(error)}` : null
  const why =
    known?.(tried) ??
    status ??
    (/^Region is missing/.test(message) ? 'no region is set (AWS_REGION)' : message)
  return new UserError(`cannot ${tried.verb} ${tried.what}: ${why}`, 'input', { cause: error })
}

/** Of the answer that the client threw for; NaN where it threw for something else. */
const statusOf = (error: unknown): number =>
  Number((error as { readonly $metadata?: { readonly httpStatusCode?: number } })?.$metadata?.httpStatusCode)

/** Whether an answer's status tells of trouble of the server, or of a gateway in front of it, whose answers name no error. */
export const hasServerTrouble = (error: unknown): boolean => statusOf(error) >= 500 || statusOf(error) === 429

/** An answer to HEAD has no body that names its error: of a 403 the client says `Unknown`. */
export const namedByStatus = (error: unknown): unknown =>
  error instanceof Error && error.name === 'Unknown' && statusOf(error) === 403
    ? Object.assign(error, { name: 'Forbidden' })
    : error

/** Whether there is no such file. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)
