import { readBoundedFile } from '../kafka/sasl/bounded-file.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { SecuritySection } from './cluster-security.ts'

/** The text of the PEM file that a setting names; undefined when that was reported as wrong. */
export async function readPemFile(section: SecuritySection, name: string): Promise<string | undefined> {
  const { values, pathOf } = section
  const complain = (what: string): undefined => {
    values.complain(name, `names a file that ${what}: ${values.shown(name)}`)
  }
  try {
    const text = await readBoundedFile(pathOf(name), LIMITS.pemMaxBytes)
    if (text === undefined) return complain(`is larger than ${LIMITS.pemMaxBytes} bytes`)
    if (!text.includes('-----BEGIN ')) return complain('is not in PEM (a text with -----BEGIN)')
    return text
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return complain(code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? 'unknown error'})`)
  }
}
