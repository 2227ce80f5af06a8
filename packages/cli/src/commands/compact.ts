import {
  type CompactReport,
  type CompactRequest,
  KafkaBackupError,
  prepareCompact,
  type Registry,
  requireBackupId,
  runCompact,
} from '@kafka-backup/core'
import { durationMs, sizeBytes, wholeNumber } from '../amounts.ts'
import { beforeWriting } from '../before-writing.ts'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command, CommandContext } from '../command.ts'
import { listedNames } from '../listed-names.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { compactPlanDocument, compactPlanText } from '../render/compact-plan-text.ts'
import { compactDocument, compactText } from '../render/compact-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'

const DEFAULT_GRACE = '24h'
const LEVEL_MAX = 22
/** As of backup.segment_max_bytes. */
const SEGMENT_MIN_BYTES = 1024 * 1024

/** `kafka-backup compact` */
export const compactCommand: Command = {
  name: 'compact',
  summary: 'Write bundles and small segments anew as large segments of one partition',
  description:
    'Turns the many small objects of a continuous backup into few large ones. Record batches stay byte for byte: each is checked when it is read, and what was written is read again and compared before a commit puts it in the place of the old objects. Those are deleted by this or a later compact or prune when the grace has passed and no restore reads them. A backup may run at the same time. Exit code 4: something is damaged, and stays as it is. Exit code 8: the store refused to delete an object.',
  verb: 'read',
  options: [
    {
      flags: '--topics <a,b>',
      description:
        'Only these topics (names, globs, ~expressions); a bundle that also holds others stays as it is',
    },
    { flags: '--exclude-topics <a,b>', description: 'Not these' },
    {
      flags: '--older-than <duration>',
      description: 'Only objects whose newest record is older: 30d, 12h, 1d12h',
    },
    {
      flags: '--segment-max-bytes <size>',
      description:
        'Size at which a new segment is closed (default: backup.segment_max_bytes); those from half of it on stay as they are',
    },
    {
      flags: '--compression-level <n>',
      description: 'Effort of zstd, 1 to 22 (default: backup.compression_level)',
    },
    {
      flags: '--unbundle',
      description:
        'Also bundles of which more objects are made than there are: prune takes segments of one partition only',
    },
    {
      flags: '--grace <duration>',
      description: `How long objects stay behind the commit that replaced them (default: ${DEFAULT_GRACE}; 0: deleted at once)`,
    },
    { flags: '--dry-run', description: 'Print the plan, change nothing' },
  ],
  examples: [
    'kafka-backup compact --repo file:///var/backups --backup-id live --dry-run',
    'kafka-backup compact --repo s3://backups/kafka --backup-id live \\',
    '    --older-than 1h --grace 48h',
  ],
  async run(context) {
    const request = requestOf(context)
    const backupId = requireBackupId(context.loaded.config)
    const { storage, usage } = await beforeWriting(async () => openMeteredStorage(context))
    try {
      const { random, clock, signal, observe, registry } = context
      const transforms = transformsOf(registry, levelOf(context))
      const place = { storage, backupId, program: PROGRAM, random, clock, signal, observe, transforms }
      const prepared = await beforeWriting(() => prepareCompact(place, request))
      const shown = { location: storage.location, nowMs: clock.nowMs() }
      if (context.options.dryRun === true) {
        return {
          document: compactPlanDocument(prepared, shown),
          text: compactPlanText(prepared, shown),
          exitCode: 0,
        }
      }
      context.say(compactPlanText(prepared, shown))
      const report = await runCompact(place, prepared)
      return {
        document: { ...compactDocument(report, request.graceMs), storage: storageDocument(usage()) },
        text: [compactText(report, request.graceMs), storageText(usage())].join('\n'),
        exitCode: exitCodeOf(report),
      }
    } finally {
      await storage.close()
    }
  },
}

function exitCodeOf({ refused, damaged }: CompactReport): number {
  return damaged[0]?.error.exitCode ?? refused[0]?.error.exitCode ?? 0
}

/** @throws KB_USAGE */
function requestOf({ options, clock, loaded }: CommandContext): CompactRequest {
  const text = (name: string) => (typeof options[name] === 'string' ? options[name] : undefined)
  const [olderThan, size] = [text('olderThan'), text('segmentMaxBytes')]
  const include = listedNames(text('topics'))
  const exclude = listedNames(text('excludeTopics'))
  return {
    beforeMs:
      olderThan === undefined
        ? null
        : BigInt(Math.trunc(clock.nowMs() - durationMs('--older-than', olderThan))),
    segmentMaxBytes: size === undefined ? loaded.config.backup.segmentMaxBytes : segmentBytes(size),
    choose: (topics) => {
      if (topics.length === 0) return []
      const patterns = { include: include.length > 0 ? include : ['*'], exclude, includeInternal: true }
      return chosenTopics(patterns, topics, 'in this backup')
    },
    isUnbundling: options.unbundle === true,
    graceMs: durationMs('--grace', text('grace') ?? DEFAULT_GRACE),
  }
}

/** @throws KB_USAGE */
function segmentBytes(text: string): number {
  const bytes = sizeBytes('--segment-max-bytes', text)
  if (bytes >= SEGMENT_MIN_BYTES) return bytes
  throw new KafkaBackupError('KB_USAGE', `--segment-max-bytes takes 1MiB or more, not ${text}`)
}

/** @throws KB_USAGE */
function levelOf({ options, loaded }: CommandContext): number {
  if (typeof options.compressionLevel !== 'string') return loaded.config.backup.compressionLevel
  const level = wholeNumber('--compression-level', options.compressionLevel)
  if (level <= LEVEL_MAX) return level
  throw new KafkaBackupError('KB_USAGE', `--compression-level takes 1 to ${LEVEL_MAX}, not ${level}`)
}

function transformsOf(registry: Registry, level: number) {
  return new Map([...registry.transformsById().keys()].map((id) => [id, registry.transform(id, level)]))
}
