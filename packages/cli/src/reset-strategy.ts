import type { ResetStrategy } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { momentOf } from '@kafka-backup/core/settings'
import type { CommandContext } from './command.ts'
import { STRATEGIES } from './command-lines/group-options.ts'

const OFFSET = /^[0-9]{1,18}$/

/** What the options say. @throws KB_USAGE */
export function strategyOf({ options, clock }: Pick<CommandContext, 'options' | 'clock'>): ResetStrategy {
  const { strategy = 'from-mapping', to, restore } = options
  if (!STRATEGIES.some((name) => name === strategy)) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `--strategy must be one of ${STRATEGIES.join(', ')}, not "${strategy}"`,
    )
  }
  const takesValue = strategy === 'to-offset' || strategy === 'to-timestamp'
  if (takesValue !== (to !== undefined)) {
    const does = takesValue ? 'needs --to, such as --to' : 'takes no --to; that is for'
    const example = strategy === 'to-timestamp' ? '2026-11-21T01:30:00Z' : '1200'
    throw new KafkaBackupError(
      'KB_USAGE',
      `--strategy ${strategy} ${does} ${takesValue ? example : 'to-offset and to-timestamp'}`,
    )
  }
  if (strategy === 'as-of' && restore !== undefined) {
    throw new KafkaBackupError(
      'KB_USAGE',
      '--strategy as-of sets what groups had committed, whatever was restored',
      {
        hint: 'Leave --restore out, or use --strategy from-mapping.',
      },
    )
  }
  if (strategy === 'to-timestamp') {
    return { kind: 'to_timestamp', timestampMs: momentOf(String(to), clock.nowMs()) }
  }
  if (strategy !== 'to-offset') {
    return { kind: String(strategy).replaceAll('-', '_') as 'from_mapping' }
  }
  if (OFFSET.test(String(to))) return { kind: 'to_offset', offset: BigInt(String(to)) }
  throw new KafkaBackupError('KB_USAGE', `--to must be an offset such as 1200, not "${to}"`)
}
