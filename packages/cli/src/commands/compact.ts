import type { CompactReport, CompactRequest, Registry } from '@kafka-backup/core'
import { prepareCompact, runCompact } from '@kafka-backup/core/compact'
import { requireBackupId } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { durationMs, sizeBytes, wholeNumber } from '../amounts.ts'
import { beforeWriting } from '../before-writing.ts'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command, CommandContext } from '../command.ts'
import { DEFAULT_GRACE } from '../default-grace.ts'
import { listedNames } from '../listed-names.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { compactPlanDocument, compactPlanText } from '../render/compact-plan-text.ts'
import { compactDocument, compactText } from '../render/compact-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'

const LEVEL_MAX = 22
/** As of backup.segment_max_bytes. */
const SEGMENT_MIN_BYTES = 1024 * 1024

/** What `kafka-backup compact` does. */
export const compactCommand: Command = {
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
