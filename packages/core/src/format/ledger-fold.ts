import type {
  BegunEntry,
  ClaimedEntry,
  FinishedEntry,
  LedgerEntry,
  OpenedEntry,
  ProgressEntry,
  TargetPlace,
} from './restore-ledger.ts'

/** How far a target partition is. */
export interface LaneProgress {
  readonly position: bigint
  readonly nextOffset: bigint
}

/** What the entries of a ledger say together. */
export interface LedgerFold {
  readonly opened: OpenedEntry
  readonly begun: BegunEntry | null
  readonly claims: readonly ClaimedEntry[]
  /** By `topic/partition` of the target. */
  readonly progress: ReadonlyMap<string, LaneProgress>
  readonly finished: FinishedEntry | null
  /** Nobody goes on with it. */
  readonly isAbandoned: boolean
}

/**
 * The state before an entry, and the entry. Checked when an entry is written and again when it is read.
 * @throws Error (plain) with the reason when the entry cannot follow
 */
export function foldLedger(state: LedgerFold | null, entry: LedgerEntry): LedgerFold {
  if (state === null) {
    require(entry.type === 'opened', `the first entry is "${entry.type}"`)
    return { opened: entry, begun: null, claims: [], progress: new Map(), finished: null, isAbandoned: false }
  }
  require(state.finished === null && !state.isAbandoned, 'an entry follows the end')
  switch (entry.type) {
    case 'opened':
      throw new Error('it is opened twice')
    case 'begun':
      require(state.begun === null, 'it is begun twice')
      return { ...state, begun: entry }
    case 'claimed':
      require(state.begun !== null, 'it is claimed before it is begun')
      assertClaim(state.begun, entry)
      return { ...state, claims: [...state.claims, entry] }
    case 'progress':
      require(state.claims.length > 0, 'it progresses before it is claimed')
      return { ...state, progress: advance(state, entry) }
    case 'finished':
      require(state.claims.length > 0, 'it is finished before it is claimed')
      return { ...state, finished: entry }
    case 'abandoned':
      return { ...state, isAbandoned: true }
  }
}

function assertClaim(begun: BegunEntry, { partitions }: ClaimedEntry): void {
  const known = new Set(begun.partitions.map(nameOf))
  require(partitions.every((own) => known.has(nameOf(own))), 'a partition is claimed that was not begun')
}

function advance(state: LedgerFold, { partitions }: ProgressEntry): ReadonlyMap<string, LaneProgress> {
  const begins = new Map(state.begun?.partitions.map((own) => [nameOf(own), own.beginOffset]))
  const progress = new Map(state.progress)
  for (const own of partitions) {
    const name = nameOf(own)
    const begin = begins.get(name)
    require(begin !== undefined, `${name} progresses and was not begun`)
    const before = progress.get(name) ?? { position: 0n, nextOffset: begin }
    let next = before.nextOffset
    let records = 0n
    for (const run of own.runs) {
      require(run.source < state.opened.sources.length, `${name}: a run of an unknown source`)
      require(run.targetOffset >= next, `${name}: runs overlap at offset ${run.targetOffset}`)
      next = run.targetOffset + BigInt(run.records)
      records += BigInt(run.records)
    }
    require(own.position ===
      before.position + records, `${name}: runs of ${records} records do not lead to ${own.position}`)
    require(own.nextOffset === next, `${name}: runs end at offset ${next}, the entry says ${own.nextOffset}`)
    progress.set(name, { position: own.position, nextOffset: own.nextOffset })
  }
  return progress
}

function nameOf({ topic, partition }: TargetPlace): string {
  return `${topic}/${partition}`
}

function require(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Error(reason)
}
