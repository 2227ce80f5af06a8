import type { PreparedPrune, PruneReport, PruneRequest, StorageBackend } from '@kafka-backup/core'
import { requireBackupId } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { preparePrune, releaseRestore, runPrune } from '@kafka-backup/core/repository'
import { isRelativeTime, momentOf } from '@kafka-backup/core/settings'
import { durationMs, sizeBytes, wholeNumber } from '../amounts.ts'
import { beforeWriting } from '../before-writing.ts'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { confirmNames, promptOf } from '../confirm.ts'
import { DEFAULT_GRACE } from '../default-grace.ts'
import { listedNames } from '../listed-names.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { prunePlanDocument, prunePlanText } from '../render/prune-plan-text.ts'
import { pruneDocument, pruneText } from '../render/prune-text.ts'
import { releaseDocument, releaseText } from '../render/release-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'

const WRITER_BYTES = 4

/** What `kafka-backup prune` does. */
export const pruneCommand: Command = {
  async run(context) {
    const request = requestOf(context)
    const backupId = requireBackupId(context.loaded.config)
    const { storage, usage } = await beforeWriting(async () => openMeteredStorage(context))
    try {
      if (context.options.releaseRestore !== undefined) return await release(context, storage, backupId)
      const { random, clock, signal } = context
      const place = { storage, backupId, program: PROGRAM, random, clock, signal }
      const prepared = await beforeWriting(() => preparePrune(place, request))
      if (context.options.dryRun === true) {
        const shown = { location: storage.location, nowMs: clock.nowMs() }
        return {
          document: prunePlanDocument(prepared, shown),
          text: prunePlanText(prepared, shown),
          exitCode: 0,
        }
      }
      await beforeWriting(() => confirm(context, prepared))
      const report = await runPrune(place, prepared)
      return {
        document: { ...pruneDocument(report, request.graceMs), storage: storageDocument(usage()) },
        text: [pruneText(report, request.graceMs), storageText(usage())].join('\n'),
        exitCode: exitCodeOf(report),
      }
    } finally {
      await storage.close()
    }
  },
}

function exitCodeOf({ refused }: PruneReport): number {
  return refused[0]?.error.exitCode ?? 0
}

/** @throws KB_USAGE */
function requestOf({ options, clock }: CommandContext): PruneRequest {
  const text = (name: string) => (typeof options[name] === 'string' ? options[name] : undefined)
  const [olderThan, before, keep, maxBytes] = [
    text('olderThan'),
    text('before'),
    text('keep'),
    text('maxBytes'),
  ]
  if (olderThan !== undefined && before !== undefined) {
    throw new KafkaBackupError('KB_USAGE', 'give --older-than or --before, not both')
  }
  const nowMs = clock.nowMs()
  const age = olderThan === undefined ? undefined : durationMs('--older-than', olderThan)
  const moment = before === undefined ? null : momentOf(before, nowMs)
  const include = listedNames(text('topics'))
  const exclude = listedNames(text('excludeTopics'))
  const isAsked = [olderThan, before, keep, maxBytes].some((given) => given !== undefined)
  const isChoosing = include.length + exclude.length > 0
  if (isChoosing && !isAsked)
    throw new KafkaBackupError('KB_USAGE', 'topics are chosen, and not what of them goes')
  return {
    beforeMs: age === undefined ? moment : BigInt(Math.trunc(nowMs - age)),
    maxBytes: maxBytes === undefined ? null : sizeBytes('--max-bytes', maxBytes),
    keepRuns: keep === undefined ? null : wholeNumber('--keep', keep),
    choose: (topics) => {
      if (!isAsked) return []
      const patterns = { include: include.length > 0 ? include : ['*'], exclude, includeInternal: true }
      return chosenTopics(patterns, topics, 'in this backup')
    },
    hasCompacted: options.compacted === true,
    isRelative: age !== undefined || (before !== undefined && isRelativeTime(before)),
    graceMs: durationMs('--grace', text('grace') ?? DEFAULT_GRACE),
  }
}

async function confirm(context: CommandContext, prepared: PreparedPrune): Promise<void> {
  const { plan, freed } = prepared
  if (plan.segments + plan.documents.length === 0 && freed.due.length === 0) return
  context.say(prunePlanText(prepared, { location: '', nowMs: context.clock.nowMs() }))
  await confirmNames(
    `Old ${plan.segments > 0 || plan.documents.length === 0 ? 'records' : 'documents'} of backup ${plan.backupId} will be gone for good`,
    [plan.backupId],
    promptOf(context),
  )
}

async function release(
  { options, clock, random, signal }: CommandContext,
  storage: StorageBackend,
  backupId: string,
): Promise<CommandResult> {
  const restoreId = String(options.releaseRestore)
  const writer = random.hex(WRITER_BYTES)
  const released = await beforeWriting(() =>
    releaseRestore(storage, backupId, restoreId, { writer, clock, signal }),
  )
  return { document: releaseDocument(released), text: releaseText(released), exitCode: 0 }
}
