import { createInterface } from 'node:readline/promises'
import { KafkaBackupError } from '@kafka-backup/core'

/** Where a person is asked, and whether one is there. */
export interface Terminal {
  readonly isInteractive: boolean
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/**
 * Asks for the names of what is going to be deleted. Without a person to ask, and without --yes, nothing is deleted.
 * @throws KB_USAGE when the answer is another one, or nobody can be asked
 */
export async function confirmNames(
  what: string,
  names: readonly string[],
  options: { readonly isAgreed: boolean; readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<void> {
  if (options.isAgreed) return
  const { terminal, signal } = options
  if (!terminal.isInteractive) {
    throw new KafkaBackupError('KB_USAGE', `${what}, and nobody is here to be asked; nothing was written`, {
      hint: 'Say so on the command line: --yes',
    })
  }
  const lines = createInterface({ input: terminal.input, output: terminal.output })
  try {
    const wanted = names.join(',')
    const answer = await lines.question(`${what}.\nType ${wanted} to go on: `, { signal })
    if (answer.trim() === wanted) return
    throw new KafkaBackupError('KB_USAGE', 'the names were not typed; nothing was written')
  } finally {
    lines.close()
  }
}
