import { readFile, stat } from 'node:fs/promises'
import { assertCredentialFile, unreadableCredentialFile } from '../credential-file.ts'
import { silenceLookupWarnings, withoutConsoleWarnings } from './lookup-warnings.ts'

/** The part of Google's library that is used: it finds credentials, and fetches and renews tokens. */
export interface SignIn {
  /** Headers that prove who asks. @throws errors of the library, for `sign-in-errors.ts` */
  headers(url: string): Promise<Readonly<Record<string, string>>>
}

/** The library takes the default credentials of the environment from the file that it names, if it is set. */
const VARIABLE = 'GOOGLE_APPLICATION_CREDENTIALS'
const SETTING = 'storage.service_account_path'
/** A key has 2 KB, a configuration of a federation as well. */
const KEY_FILE_MAX_BYTES = 256 * 1024

/** The file of the service account cannot be used; `reason` says why, without what is in it. */
export class KeyFileError extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

/**
 * Loads the library, and takes the file if there is one, else the default credentials of the environment.
 * @throws KB_CONFIG_UNREADABLE, KeyFileError
 */
export async function openSignIn(serviceAccountPath: string | undefined): Promise<SignIn> {
  const { [VARIABLE]: named } = process.env
  if (serviceAccountPath === undefined && named) await assertCredentialFile(VARIABLE, named)
  const credentials = serviceAccountPath === undefined ? undefined : await readKeyFile(serviceAccountPath)
  silenceLookupWarnings()
  const { Storage } = await import('@google-cloud/storage')
  // Without the name of a project the library would look for one, with programs of Google and over the network.
  const project = { projectId: 'none' }
  const options = credentials === undefined ? project : { ...project, credentials }
  // It warns its callers, on the console of who runs the program, of files that they have not looked at.
  const { authClient } = withoutConsoleWarnings(() => new Storage(options))
  return {
    headers: async (url) => {
      const found = await authClient.getRequestHeaders(url)
      return Object.fromEntries(found as unknown as Iterable<[string, string]>)
    },
  }
}

async function readKeyFile(path: string): Promise<object> {
  let document: unknown
  try {
    const { size } = await stat(path)
    if (size > KEY_FILE_MAX_BYTES) throw new KeyFileError('it is larger than any key')
    document = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof KeyFileError) throw error
    // The text of a syntax error repeats a part of the file.
    if (error instanceof SyntaxError) throw new KeyFileError('it is not JSON')
    throw unreadableCredentialFile(SETTING, path, error)
  }
  const { type } = (document ?? {}) as { readonly type?: unknown }
  if (typeof type !== 'string') throw new KeyFileError('it does not say what kind of credentials it has')
  if (type === 'service_account') checkKey(document as Readonly<Record<string, unknown>>)
  return document as object
}

function checkKey(key: Readonly<Record<string, unknown>>): void {
  for (const name of ['client_email', 'private_key']) {
    if (typeof key[name] !== 'string') throw new KeyFileError(`it has no ${name}`)
  }
}
