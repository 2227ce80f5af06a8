import assert from 'node:assert/strict'
import { collect } from '../../../testkit/src/conformance/storage-subject.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { type ProbeOptions, type ProbeReport, probeStore } from '../../src/verify/probe-store.ts'

/** What a backup cannot do without. */
export const NEEDED = [
  ...['write', 'put_if_absent', 'streamed_put_if_absent', 'read_after_write'],
  ...['streamed_write', 'ranged_read', 'list', 'replace'],
]

const FOREIGN = [
  { key: 'daily/manifest.json', text: 'a backup' },
  { key: 'probe=store/0123456789abcdef-range', text: 'of somebody else' },
]

/** Probes with the clock and the chance of the system. */
export function probe(storage: StorageBackend, more: Partial<ProbeOptions> = {}): Promise<ProbeReport> {
  const signal = new AbortController().signal
  return probeStore({ storage, clock: systemClock, random: systemRandom, signal, ...more })
}

/** Answers by id. */
export function answers(report: ProbeReport): Record<string, string> {
  return Object.fromEntries(report.capabilities.map(({ id, answer }) => [id, answer]))
}

/** Everything that is needed is there, but for these. */
export function expectOnlyMissing(report: ProbeReport, missing: readonly string[]): void {
  const found = report.capabilities.filter(({ isNeeded, answer }) => isNeeded && answer !== 'yes')
  assert.deepEqual(
    found.map(({ id }) => id),
    missing,
    JSON.stringify(report, null, 2),
  )
  assert.equal(report.verdict, missing.length === 0 ? 'suitable' : 'unsuitable')
}

/** What a check has seen. */
export function detailOf(report: ProbeReport, wanted: string): string {
  return report.capabilities.find(({ id }) => id === wanted)?.detail ?? ''
}

/** Objects of a backup and of another probe. */
export async function putForeign(storage: StorageBackend): Promise<void> {
  for (const { key, text } of FOREIGN) await storage.put(key, Buffer.from(text))
}

/** What was there before is there unchanged, and nothing else but `left`. */
export async function expectForeignOnly(
  storage: StorageBackend,
  left: readonly string[] = [],
): Promise<void> {
  const keys = (await collect(storage.list(''))).map(({ key }) => key)
  assert.deepEqual(keys.toSorted(), [...FOREIGN.map(({ key }) => key), ...left].toSorted())
  for (const { key, text } of FOREIGN) assert.equal((await storage.read(key, 100)).toString(), text)
}
