import { createInterface } from 'node:readline/promises'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { CommandContext } from './command.ts'

/** Where a person is asked, and whether one is there. */
export interface Terminal {
  readonly isInteractive: boolean
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/** How a question is asked, and whether it has been answered beforehand. */
export interface Prompt {
  readonly isAgreed: boolean
  readonly terminal: Terminal
  readonly signal: AbortSignal
}

/** At the terminal of the program; `--yes` has answered. */
export function promptOf({ options, signal }: CommandContext): Prompt {
  return {
    isAgreed: options.yes === true,
    terminal: {
      isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
      input: process.stdin,
      output: process.stderr,
    },
    signal,
  }
}

/**
 * Asks for the names of what is going to be deleted. Without a person to ask, and without --yes, nothing is deleted.
 * @throws KB_USAGE when the answer is another one, or nobody can be asked
 */
export async function confirmNames(
  what: string,
  names: readonly string[],
  { isAgreed, terminal, signal }: Prompt,
): Promise<void> {
  if (isAgreed) return
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
