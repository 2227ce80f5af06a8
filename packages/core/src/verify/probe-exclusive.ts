import type { ObjectKey } from '../storage/storage-backend.ts'
import { type CheckResult, holds, no, type ProbeContext, SMALL_BYTES, YES } from './probe-checks.ts'
import { type Creation, probeBytes, STREAMED_BYTES } from './probe-objects.ts'

const RACERS = 8
const RACES = 3
const STREAM_RACERS = 3

/** A second creation of a key is refused, and of many at once exactly one succeeds. */
export async function checkPutIfAbsent(context: ProbeContext): Promise<CheckResult> {
  const { exclusive, objects } = context
  return checkExclusive(context, {
    name: 'exclusive',
    byteCount: SMALL_BYTES,
    create: (key, bytes) => objects.put(exclusive, key, bytes),
    races: { count: RACES, racers: RACERS },
  })
}

/** The same for streamed objects of more than one part. */
export async function checkStreamedPutIfAbsent(context: ProbeContext): Promise<CheckResult> {
  const { exclusive, objects } = context
  return checkExclusive(context, {
    name: 'exclusive-stream',
    byteCount: STREAMED_BYTES,
    create: (key, bytes) => objects.stream(exclusive, key, bytes),
    races: { count: 1, racers: STREAM_RACERS },
  })
}

interface ExclusiveTrial {
  readonly name: string
  readonly byteCount: number
  readonly create: (key: ObjectKey, bytes: Buffer) => Promise<Creation>
  readonly races: { readonly count: number; readonly racers: number }
}

async function checkExclusive(context: ProbeContext, trial: ExclusiveTrial): Promise<CheckResult> {
  const { exclusive, objects, signal } = context
  const { name, byteCount, create } = trial
  if (!exclusive.capabilities.putIfAbsent) return no('this kind of store has no such request')
  const key = objects.key(name)
  const first = probeBytes(byteCount, 2)
  await create(key, first)
  const second = await create(key, probeBytes(byteCount, 3))
  if (second === 'created') return no('a second object was stored under a key that was taken')
  if (!(await holds(exclusive, objects, key, first, signal))) {
    return no('the store refused a key that was taken, and changed what is there')
  }
  for (let round = 0; round < trial.races.count; round++) {
    const flaw = await race(context, { ...trial, name: `${name}-race-${round}` })
    if (flaw !== undefined) return no(flaw)
  }
  return YES
}

/** What is wrong with a race of creators of one key; undefined: exactly one won, and its bytes are there. */
async function race(
  { exclusive, objects, signal }: ProbeContext,
  { name, byteCount, create, races }: ExclusiveTrial,
): Promise<string | undefined> {
  const key = objects.key(name)
  const bodies = Array.from({ length: races.racers }, (_, at) => probeBytes(byteCount, 100 + at))
  const settled = await Promise.allSettled(bodies.map((bytes) => create(key, bytes)))
  const failed = settled.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  const ends = settled.map((result) => (result.status === 'fulfilled' ? result.value : 'taken'))
  const winners = bodies.filter((_, at) => ends[at] === 'created')
  if (winners.length > 1) return `${winners.length} of ${races.racers} writers at once created the same key`
  // A lost answer can hide who won; then it is one of those who had to ask again.
  const possible = winners.length === 1 ? winners : bodies.filter((_, at) => ends[at] === 'unclear')
  for (const bytes of possible) if (await holds(exclusive, objects, key, bytes, signal)) return undefined
  return 'the bytes under a contested key are not those of the writer that created it'
}
