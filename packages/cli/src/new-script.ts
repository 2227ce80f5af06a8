import { writeFile } from 'node:fs/promises'
import { KafkaBackupError } from '@kafka-backup/core/errors'

const EXECUTABLE = 0o755

/** Writes a script where nothing is yet. @throws KB_USAGE when there is such a file, or it cannot be created */
export async function writeNewScript(file: string, script: string): Promise<void> {
  try {
    await writeFile(file, script, { flag: 'wx', mode: EXECUTABLE })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'EEXIST' ? 'it exists' : code
    throw new KafkaBackupError('KB_USAGE', `the script cannot be written to ${file}: ${why}`, {
      hint: 'Name a new file in a folder that is there, or leave --output out for stdout.',
      cause,
    })
  }
}
