import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { ProgramText } from '../command.ts'
import type { TreeCommand } from '../command-tree.ts'
import { bashCompletion } from '../render/bash-completion.ts'
import { fishCompletion } from '../render/fish-completion.ts'
import { shownName } from '../render/shown-name.ts'
import { zshCompletion } from '../render/zsh-completion.ts'

const SCRIPTS: ReadonlyMap<string, (tree: TreeCommand) => string> = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
])

/** What `kafka-backup completion` prints. */
export const completionText: ProgramText = {
  render(tree, [shell = '']) {
    const script = SCRIPTS.get(shell)
    if (script) return script(tree)
    throw new KafkaBackupError(
      'KB_USAGE',
      `there are scripts for bash, zsh and fish, not for ${shownName(shell)}`,
      {
        hint: 'See: kafka-backup completion --help',
      },
    )
  },
}
