import type { BackupState, PartitionReading, StorageBackend, TimeWindow } from '@kafka-backup/core'
import {
  type ReadChoice,
  readChoiceOf,
  readSelectionOf,
  requireBackupId,
  splitTopicPatterns,
  topicsOfOffsets,
} from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { assertStillThere, planReading, resolveWindow } from '@kafka-backup/core/read'
import { openAsOf } from './as-of-state.ts'
import { chosenTopics } from './chosen-topics.ts'
import type { CommandContext } from './command.ts'

/** What a verb that reads records was told to read. */
export interface ChosenRecords {
  readonly state: BackupState
  readonly readings: readonly PartitionReading[]
  readonly window: TimeWindow | null
}

/**
 * The records that topics and options choose, in the words of a restore.
 * @throws KB_USAGE, KB_TOPIC_NOT_FOUND, KB_BACKUP_NOT_FOUND, KB_PRUNED
 */
export async function chosenRecords(
  context: CommandContext,
  storage: StorageBackend,
  topics: readonly string[],
): Promise<ChosenRecords> {
  const { options, loaded, clock, signal } = context
  const [from, to] = [textOf(options.from), textOf(options.to)]
  const window = resolveWindow({ from, to }, clock.nowMs())
  const choice = readChoiceOf(listOf(options.partitions), listOf(options.offsets))
  const patterns = patternsOf(context, topics, choice)
  const backupId = requireBackupId(loaded.config)
  const { newest, asked: state } = await openAsOf(context, storage, backupId)
  const names = chosenTopics(patterns, [...state.topics.keys()], `in backup ${backupId}`)
  const readings = planReading(state, readSelectionOf(choice, state, { topics: names, window }))
  if (state !== newest) {
    const parts = readings.flatMap((reading) => reading.parts)
    await assertStillThere(storage, state, parts, signal)
  }
  return { state, readings, window }
}

/** Ranges of offsets name their topics. @throws KB_USAGE when nothing is named */
function patternsOf({ options }: CommandContext, topics: readonly string[], choice: ReadChoice) {
  const named = [...topics, ...textsOf(options.topics)].flatMap(splitTopicPatterns)
  const include = named.length > 0 ? named : topicsOfOffsets(choice)
  const exclude = textsOf(options.excludeTopics).flatMap(splitTopicPatterns)
  if (include.length > 0) return { include, exclude, includeInternal: true }
  throw new KafkaBackupError('KB_USAGE', 'say which topics are meant', {
    hint: "Name them behind the verb, such as orders, or '*' for every topic of the backup.",
  })
}

/** Of an option that may be given several times. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** The same with items between commas. */
export function listOf(value: unknown): readonly string[] {
  return textsOf(value)
    .flatMap((text) => text.split(','))
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : String(value)
}
