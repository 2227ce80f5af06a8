import { PROBE_FOLDER } from '../repository/key-layout.ts'
import type { Clock } from '../runtime/clock.ts'
import { orAbsent } from '../storage/object-errors.ts'
import { compareKeys } from '../storage/object-key.ts'
import type { ObjectKey, StorageBackend } from '../storage/storage-backend.ts'
import { type ProbeObjects, probeBytes, STREAMED_BYTES, writing } from './probe-objects.ts'

/** What a check found. `detail` says what was seen, for people. */
export interface CheckResult {
  readonly answer: 'yes' | 'no' | 'unknown'
  readonly detail?: string
}

/** What checks share. */
export interface ProbeContext {
  readonly storage: StorageBackend
  /** The same place, asked to create exclusively even when somebody vouches for a single writer. */
  readonly exclusive: StorageBackend
  readonly objects: ProbeObjects
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Uploads so far whose parts could not be removed; absent: nobody counts. */
  readonly leftUploads?: (() => number) | undefined
}

/** Size of most objects of a probe. */
export const SMALL_BYTES = 1024
/** Where the two parts of a streamed object meet in stores that take parts of this size. */
const PART_BYTES = 8 * 1024 * 1024
/** A store's clock often counts whole seconds, and a request takes its time. */
const CLOCK_TOLERANCE_MS = 5_000

/** Names whose order differs between bytes, letters without case, and folders before files. */
const LISTED_NAMES = [
  ...['B', 'a', 'C', '_', '0', '10', '9', '~'].map((name) => `list/${name}`),
  ...['a', 'b', 'c', 'd'].map((name) => `list-a/${name}`),
  ...['a', 'b', 'c', 'd'].map((name) => `list.a/${name}`),
  ...['a', 'b', 'c', 'd'].map((name) => `list0/${name}`),
]

/** A clear yes. */
export const YES: CheckResult = { answer: 'yes' }
/** A clear no, and what showed it. */
export const no = (detail: string): CheckResult => ({ answer: 'no', detail })

/** An object can be created. */
export async function checkWrite({ storage, objects }: ProbeContext): Promise<CheckResult> {
  const creation = await objects.put(storage, objects.key('write'), probeBytes(SMALL_BYTES, 1))
  return creation === 'taken' ? no('the store says that a new key is taken') : YES
}

/** Written objects are read, measured and listed at once. */
export async function checkReadAfterWrite({ storage, objects, signal }: ProbeContext): Promise<CheckResult> {
  for (let at = 0; at < 3; at++) {
    const key = objects.key(`read-${at}`)
    const bytes = probeBytes(SMALL_BYTES, 10 + at)
    await objects.put(storage, key, bytes)
    const read = await objects.attempt(() => orAbsent(storage.read(key, SMALL_BYTES * 2, { signal })))
    if (read === undefined) return no('an object that was just written could not be read')
    if (Buffer.compare(read, bytes) !== 0) return no('other bytes were read than were written')
    const entry = await objects.attempt(() => storage.stat(key, { signal }))
    if (entry?.bytes !== SMALL_BYTES) return no('the store told another size than was written')
    const keys = await objects.attempt(() => keysBelow(storage, key, signal))
    if (!keys.includes(key)) return no('an object that was just written was not listed')
  }
  return YES
}

/** A large object is streamed whole, is invisible before its end, and never visible when it is given up. */
export async function checkStreamedWrite({ storage, objects, signal }: ProbeContext): Promise<CheckResult> {
  const isVisible = async (key: ObjectKey) =>
    (await objects.attempt(() => storage.stat(key, { signal }))) !== undefined ||
    (await objects.attempt(() => keysBelow(storage, key, signal))).length > 0
  const given = objects.key('given-up')
  const abandoned = await storage.openWrite(given, objects.writing)
  let wasVisible = false
  await writing(abandoned, async () => {
    await abandoned.write([probeBytes(STREAMED_BYTES, 20)])
    wasVisible = await isVisible(given)
  })
  await abandoned.abort()
  if (wasVisible) return no('an upload was visible before its end')
  if (await isVisible(given)) return no('an upload that was given up is visible')
  const key = objects.key('stream')
  const bytes = probeBytes(STREAMED_BYTES, 21)
  await objects.stream(storage, key, bytes)
  return (await holds(storage, objects, key, bytes, signal))
    ? YES
    : no('other bytes were read than were streamed')
}

/** The parts of an upload that is given up can be removed. */
export async function checkAbortUpload(context: ProbeContext): Promise<CheckResult> {
  const { storage, objects, leftUploads } = context
  if (!leftUploads) return { answer: 'unknown' }
  const before = leftUploads()
  const writer = await storage.openWrite(objects.key('aborted'), objects.writing)
  await writing(writer, () => writer.write([probeBytes(STREAMED_BYTES, 22)]))
  await writer.abort()
  return leftUploads() === before ? YES : no('the parts of an upload that was given up could not be removed')
}

/** Ranges of a large object are exact, also across the border of its parts and at its ends. */
export async function checkRangedRead({ storage, objects, signal }: ProbeContext): Promise<CheckResult> {
  const key = objects.key('range')
  const bytes = probeBytes(STREAMED_BYTES, 30)
  await objects.stream(storage, key, bytes)
  const ranges = [
    { begin: 0, end: 1 },
    { begin: 1, end: 4_097 },
    { begin: PART_BYTES - 1_003, end: PART_BYTES + 2_003 },
    { begin: STREAMED_BYTES - 1, end: STREAMED_BYTES },
    { begin: 0, end: STREAMED_BYTES },
  ]
  for (const range of ranges) {
    const read = await objects.attempt(() => storage.readRange(key, range, { signal }))
    const isExact = Buffer.compare(read, bytes.subarray(range.begin, range.end)) === 0
    if (!isExact) return no(`bytes ${range.begin} to ${range.end} were not those that were written`)
  }
  return YES
}

/** A listing has every key once, in the order of their bytes. */
export async function checkList({ storage, objects, signal }: ProbeContext): Promise<CheckResult> {
  const written = LISTED_NAMES.map((name) => objects.key(name))
  for (const key of written) await objects.put(storage, key, Buffer.from(key))
  const prefix = `${PROBE_FOLDER}list`
  const listed = (await objects.attempt(() => keysBelow(storage, prefix, signal))).filter((key) =>
    objects.isOurs(key),
  )
  const missing = written.filter((key) => !listed.includes(key))
  if (missing.length > 0) return no(`${missing.length} of ${written.length} keys were not listed`)
  if (listed.length > written.length) return no('a key was listed twice')
  const isOrdered = listed.every((key, at) => at === 0 || compareKeys(listed[at - 1] ?? '', key) < 0)
  return isOrdered ? YES : no('keys were not listed in the order of their bytes')
}

/** A document can be replaced, and is what it was or what it is. The name is that of what a backup replaces. */
export async function checkReplace({ storage, objects, signal }: ProbeContext): Promise<CheckResult> {
  const key = objects.key('manifest.json')
  const after = probeBytes(SMALL_BYTES * 2, 41)
  await objects.put(storage, key, probeBytes(SMALL_BYTES, 40))
  await objects.attempt(() => storage.replace(key, after, objects.writing))
  return (await holds(storage, objects, key, after, signal)) ? YES : no('the old bytes were read after it')
}

/** The store and this machine agree about the time. */
export async function checkClock(
  { storage, objects, clock, signal }: ProbeContext,
  onDifference: (differenceMs: number) => void,
): Promise<CheckResult> {
  const key = objects.key('clock')
  const beforeMs = clock.nowMs()
  await objects.put(storage, key, probeBytes(SMALL_BYTES, 50))
  const afterMs = clock.nowMs()
  const entry = await objects.attempt(() => storage.stat(key, { signal }))
  if (entry === undefined || entry.modifiedMs <= 0) return { answer: 'unknown' }
  // Within the request nothing is known; before and after it the difference is at least this.
  const { modifiedMs } = entry
  const differenceMs = modifiedMs < beforeMs ? modifiedMs - beforeMs : Math.max(0, modifiedMs - afterMs)
  onDifference(differenceMs)
  if (Math.abs(differenceMs) <= CLOCK_TOLERANCE_MS) return YES
  const seconds = Math.round(Math.abs(differenceMs) / 1_000)
  return no(`the clock of the store is ${seconds} s ${differenceMs < 0 ? 'behind' : 'ahead of'} this machine`)
}

/** An object can be removed, and is gone then. */
export async function checkDelete({ storage, objects, signal }: ProbeContext): Promise<CheckResult> {
  const key = objects.key('delete')
  await objects.put(storage, key, probeBytes(SMALL_BYTES, 60))
  await objects.attempt(() => storage.delete(key, { signal }))
  const found = await objects.attempt(() => storage.stat(key, { signal }))
  return found === undefined ? YES : no('the object is still there after it was deleted')
}

/** True when an object has exactly these bytes. */
export async function holds(
  storage: StorageBackend,
  objects: ProbeObjects,
  key: ObjectKey,
  bytes: Buffer,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await objects.attempt(() => orAbsent(storage.read(key, STREAMED_BYTES, { signal })))
  return found !== undefined && Buffer.compare(found, bytes) === 0
}

async function keysBelow(storage: StorageBackend, prefix: string, signal: AbortSignal): Promise<ObjectKey[]> {
  const keys: ObjectKey[] = []
  for await (const { key } of storage.list(prefix, { signal })) keys.push(key)
  return keys
}
