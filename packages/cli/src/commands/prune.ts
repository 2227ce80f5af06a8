import {
  isRelativeTime,
  KafkaBackupError,
  momentOf,
  type PreparedPrune,
  type PruneReport,
  type PruneRequest,
  preparePrune,
  releaseRestore,
  requireBackupId,
  runPrune,
  type StorageBackend,
} from '@kafka-backup/core'
import { durationMs, sizeBytes, wholeNumber } from '../amounts.ts'
import { beforeWriting } from '../before-writing.ts'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { confirmNames, promptOf } from '../confirm.ts'
import { listedNames } from '../listed-names.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { prunePlanDocument, prunePlanText } from '../render/prune-plan-text.ts'
import { pruneDocument, pruneText, releaseDocument, releaseText } from '../render/prune-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'

const DEFAULT_GRACE = '24h'
const WRITER_BYTES = 4

/** `kafka-backup prune` */
export const pruneCommand: Command = {
  name: 'prune',
  summary: 'Take old segments out of a backup, and delete what earlier prunes took out',
  description:
    'Takes the oldest segments out of a backup: a commit says so at once, and their objects are deleted by this or a later prune when the grace has passed and no restore reads them. Segments go whole, from the begin of each partition; the last one of a partition always stays. Without anything that says what goes, it only deletes what earlier prunes took out. Exit code 8: the store refused to delete an object.',
  verb: 'read',
  options: [
    {
      flags: '--older-than <duration>',
      description: 'Segments go whose newest record is older: 30d, 12h, 1d12h',
    },
    { flags: '--before <time>', description: 'The same with a time: 2026-01-31T00:00:00Z' },
    {
      flags: '--max-bytes <size>',
      description: 'The oldest segments go until the backup holds at most so much: 500GB, 2TiB',
    },
    {
      flags: '--keep <n>',
      description:
        'What the last n complete runs added stays, whatever else is asked; alone: everything before that goes',
    },
    { flags: '--topics <a,b>', description: 'Only of these topics (names, globs, ~expressions)' },
    { flags: '--exclude-topics <a,b>', description: 'Not of these' },
    {
      flags: '--compacted',
      description: 'Also of topics that are compacted: the oldest record may be the last one of its key',
    },
    {
      flags: '--grace <duration>',
      description: `How long objects stay behind the commit that took them out (default: ${DEFAULT_GRACE}; 0: deleted at once)`,
    },
    {
      flags: '--release-restore <id>',
      description:
        'End a restore that nobody goes on with, so that it holds nothing any more; nothing else is done',
    },
    { flags: '--dry-run', description: 'Print the plan, change nothing' },
    { flags: '--yes', description: 'Do not ask' },
  ],
  examples: [
    'kafka-backup prune --repo file:///var/backups --backup-id daily \\',
    '    --older-than 30d --dry-run',
    'kafka-backup prune --repo file:///var/backups --backup-id daily \\',
    '    --older-than 30d --keep 7 --yes',
  ],
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
  if (plan.segments === 0 && freed.due.length === 0) return
  context.say(prunePlanText(prepared, { location: '', nowMs: context.clock.nowMs() }))
  await confirmNames(
    `Old records of backup ${plan.backupId} will be gone for good`,
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
  const held = await beforeWriting(() =>
    releaseRestore(storage, backupId, restoreId, { writer, clock, signal }),
  )
  return { document: releaseDocument(restoreId, held), text: releaseText(restoreId, held), exitCode: 0 }
}
