import type { CapabilityId, ProbedCapability, ProbeReport } from '@kafka-backup/core'
import { renderTable } from './table.ts'
import { formatDuration, plural } from './units.ts'

const TITLES: Readonly<Record<CapabilityId, string>> = {
  write: 'create objects',
  put_if_absent: 'create only if absent',
  streamed_put_if_absent: 'the same for uploads',
  read_after_write: 'read what was written',
  streamed_write: 'large uploads',
  abort_upload: 'remove failed uploads',
  ranged_read: 'read ranges',
  list: 'list in order',
  replace: 'replace the manifest',
  delete: 'delete objects',
  clock: 'same time',
  versioning: 'versions',
  object_lock: 'object lock',
  default_retention: 'default retention',
}

/** What was tried with its answers, what to do, and what is left behind. */
export function probeText(report: ProbeReport): string {
  const missing = report.capabilities.filter(isMissing)
  const verdict =
    missing.length === 0
      ? 'Suitable    everything that a backup needs is there'
      : `Unsuitable  ${plural(missing.length, 'need')} of a backup ${missing.length === 1 ? 'is' : 'are'} not met`
  const table = renderTable(
    [{ title: 'capability' }, { title: 'needed' }, { title: 'there' }, { title: 'for a backup' }],
    report.capabilities.map(({ id, isNeeded, answer, meaning }) => [
      TITLES[id],
      isNeeded ? 'yes' : 'no',
      answer,
      meaning,
    ]),
  )
  return [
    `${report.location}  ·  probed in ${formatDuration(report.durationMs)}`,
    verdict,
    ...(report.isPlaceThere ? [] : [ABSENT_NOTE]),
    '',
    table,
    ...section(report.capabilities.filter(isTelling).map(noteText)),
    ...(report.leftovers.length === 0 ? [] : ['', leftoversText(report.leftovers)]),
    ...(hasVersions(report) ? ['', VERSIONS_NOTE] : []),
  ].join('\n')
}

const ABSENT_NOTE = 'Not there   the folder does not exist; the first backup makes it. The probe left nothing'

const VERSIONS_NOTE =
  'The store keeps versions: what the probe deleted, some 40 MB, stays until a rule of the bucket removes it.'

/** Keys that a probe had to leave. */
export function leftoversText(keys: readonly string[]): string {
  const lines = keys.map((key) => `  ${key}`)
  return [
    `${plural(keys.length, 'object')} of the probe could not be deleted and may be removed:`,
    ...lines,
  ].join('\n')
}

/** The report for programs. */
export function probeDocument(report: ProbeReport) {
  return {
    kind: 'probe_report',
    version: 1,
    location: report.location,
    verdict: report.verdict,
    single_writer: report.isSingleWriter,
    place_exists: report.isPlaceThere,
    capabilities: report.capabilities.map((entry) => ({
      id: entry.id,
      answer: entry.answer,
      needed: entry.isNeeded,
      meaning: entry.meaning,
      detail: entry.detail,
      advice: entry.advice,
      code: entry.code,
    })),
    clock_difference_ms: report.clockDifferenceMs,
    leftovers: report.leftovers,
    duration_ms: Math.round(report.durationMs),
  }
}

function isMissing({ isNeeded, answer }: ProbedCapability): boolean {
  return isNeeded && answer !== 'yes'
}

function isTelling(entry: ProbedCapability): boolean {
  return entry.detail !== null || entry.advice !== null
}

function noteText({ id, detail, advice }: ProbedCapability): string {
  const what = [detail, advice].filter((part) => part !== null).join('\n    ')
  return `  ${TITLES[id]}: ${what}`
}

function section(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines]
}

function hasVersions({ capabilities }: ProbeReport): boolean {
  return capabilities.some(({ id, answer }) => id === 'versioning' && answer === 'yes')
}
