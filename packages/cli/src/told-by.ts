import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { CommandContext } from './command.ts'

/** Who tells where records are: the offset map of a restore, or the records of the copy itself. */
export type ToldBy = 'map' | 'headers' | 'timestamps'

/** What the options say. @throws KB_USAGE for those that mean nothing together */
export function toldByOf({ options }: Pick<CommandContext, 'options'>): ToldBy {
  const { byHeader, byTimestamp, topicMapping, restore } = options
  if (byHeader === true && byTimestamp === true) {
    throw new KafkaBackupError('KB_USAGE', '--by-header and --by-timestamp are two answers to one question', {
      hint: 'Take --by-header where records have the headers: it is exact.',
    })
  }
  if (topicMapping !== undefined && restore !== undefined) {
    throw new KafkaBackupError('KB_USAGE', '--restore says by itself what its topics are called', {
      hint: 'Leave --topic-mapping out, or --restore.',
    })
  }
  if (byHeader === true) return 'headers'
  if (byTimestamp === true) return 'timestamps'
  if (topicMapping === undefined) return 'map'
  throw new KafkaBackupError('KB_USAGE', '--topic-mapping is for --by-header and --by-timestamp', {
    hint: 'The offset map has the names of its restore; --restore chooses another one.',
  })
}

/** For verbs that use a cluster for nothing else. @throws KB_USAGE when one is named and not asked */
export function assertClusterAsked({ options }: Pick<CommandContext, 'options'>, toldBy: ToldBy): void {
  if (toldBy !== 'map' || options.bootstrapServers === undefined) return
  throw new KafkaBackupError('KB_USAGE', 'the offset map is in the repository: no cluster is asked for it', {
    hint: 'Leave --bootstrap-servers out, or add --by-header or --by-timestamp.',
  })
}
