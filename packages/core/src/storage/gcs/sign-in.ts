import { readFile, stat } from 'node:fs/promises'
import { assertCredentialFile, unreadableCredentialFile } from '../credential-file.ts'
import { assertCredentialKind } from './credential-kinds.ts'
import { KeyFileError } from './key-file-error.ts'
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
  // Both warn their callers, on the console of who runs the program, of files that they have not looked at: this one was.
  const client = withoutConsoleWarnings(() => {
    // Without the name of a project the library would look for one, with programs of Google and over the network.
    const { authClient } = new Storage({ projectId: 'none' })
    return credentials === undefined ? authClient : clientOf(authClient, credentials)
  })
  return {
    headers: async (url) => {
      const found = await client.getRequestHeaders(url)
      return Object.fromEntries(found as unknown as Iterable<[string, string]>)
    },
  }
}

type AuthClient = import('@google-cloud/storage').Storage['authClient']

/** Makes the client at once: what is done later could not be kept from warning. @throws KeyFileError */
function clientOf(library: AuthClient, credentials: object): ReturnType<AuthClient['fromJSON']> {
  try {
    return library.fromJSON(credentials)
  } catch {
    // Its text can repeat what is in the file.
    throw new KeyFileError('it lacks a part of what credentials of its kind have')
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
  return assertCredentialKind(document)
}
