import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { CommandContext } from './command.ts'
import { textsOf } from './record-choice.ts'

/** `--key` and `--header`. @throws KB_USAGE */
export function keyAndHeadersOf({ options }: Pick<CommandContext, 'options'>) {
  const headers = textsOf(options.header).map((text) => {
    const at = text.indexOf('=')
    if (at > 0) return { name: text.slice(0, at), value: text.slice(at + 1) }
    throw new KafkaBackupError(
      'KB_USAGE',
      `--header takes a name and a value such as trace=abc, not "${text}"`,
    )
  })
  return { key: options.key === undefined ? undefined : String(options.key), headers }
}
