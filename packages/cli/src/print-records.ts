import type { KafkaRecord, PartitionReading, ReadStep, StorageBackend } from '@kafka-backup/core'
import { isWanted, type RecordCriteria, readPartition, recordTest } from '@kafka-backup/core/read'
import { wholeNumber } from './amounts.ts'
import type { CommandContext, PrintedResult } from './command.ts'
import { openStorage } from './open-storage.ts'
import { type ChosenRecords, chosenRecords } from './record-choice.ts'
import { recordFormatOf } from './record-format.ts'
import { RecordOutput } from './record-output.ts'
import { lackText } from './render/lack-text.ts'
import { historyLines } from './render/restore-text.ts'
import { plural } from './render/units.ts'

const INCOMPLETE = 3

/** Which records are printed. */
export interface PrintRequest {
  /** As they were written; see {@link chosenRecords}. */
  readonly topics: readonly string[]
  readonly criteria: RecordCriteria
  /** Of each partition; undefined: all. */
  readonly lastRecords: number | undefined
}

/**
 * Prints records to stdout as they are read, and what is lacking between them to stderr. Ends quietly when nobody reads any more.
 * @throws every error of reading, after everything before it was printed
 */
export async function printRecords(context: CommandContext, request: PrintRequest): Promise<PrintedResult> {
  const { options, clock, say } = context
  const format = recordFormatOf(context)
  const limit = options.limit === undefined ? undefined : wholeNumber('--limit', String(options.limit))
  const isPrinted = recordTest(request.criteria)
  const storage = openStorage(context)
  const output = new RecordOutput(process.stdout, clock)
  let printed = 0
  let isIncomplete = false
  try {
    const chosen = await chosenRecords(context, storage, request.topics)
    for (const line of chosen.readings.flatMap(olderHistoryLines)) say(`Note: ${line}`)
    const steps = stepsOf(context, storage, chosen, request)
    for await (const { reading, step } of steps) {
      if (step.kind === 'lack') {
        await output.flush()
        say(lackText(step.lack))
        isIncomplete ||= isWanted(step.lack)
        continue
      }
      for (const record of wantedOf(step.records, isPrinted, limit, printed)) {
        for (const piece of format({ topic: reading.topic, partition: reading.partition, record }))
          output.add(piece)
        printed++
        await output.settle()
      }
      if (output.isClosed || printed === limit) break
    }
  } finally {
    await output.flush()
    await storage.close()
  }
  if (output.isClosed) return { exitCode: 0 }
  if (printed === 0) say('No record')
  if (!isIncomplete) return { exitCode: 0 }
  say(`Incomplete  ${plural(printed, 'record')}; what is not in the backup is named above`)
  return { exitCode: INCOMPLETE }
}

async function* stepsOf(
  { registry, signal }: CommandContext,
  storage: StorageBackend,
  { state, readings, window }: ChosenRecords,
  { lastRecords }: PrintRequest,
): AsyncGenerator<{ readonly reading: PartitionReading; readonly step: ReadStep }, void, undefined> {
  const source = { storage, backupId: state.backupId, transforms: registry.transformsById(), signal }
  for (const reading of readings) {
    for await (const step of readPartition(source, reading, { window, lastRecords })) yield { reading, step }
  }
}

function* wantedOf(
  records: readonly KafkaRecord[],
  isPrinted: (record: KafkaRecord) => boolean,
  limit: number | undefined,
  printed: number,
): Generator<KafkaRecord> {
  let left = limit === undefined ? Number.POSITIVE_INFINITY : limit - printed
  for (const record of records) {
    if (left === 0) return
    if (!isPrinted(record)) continue
    left--
    yield record
  }
}

function olderHistoryLines({ topic, history }: PartitionReading): readonly string[] {
  const { partition, lineage, sinceCommit } = history
  return historyLines({ sourceTopic: topic, partition, lineage, sinceCommit, inheritedEndOffset: null })
}
