import type { CommitDocument } from './archive-reading.ts'
import type { HistoryPlace } from './history-place.ts'
import { brokenPromises } from './prune-promise.ts'
import type { BucketObserver, StoredObject } from './simulated-bucket.ts'

/** Why an object may go, and from when on; milliseconds by the clock of the store. */
interface Freed {
  readonly fromMs: number
  readonly isOrphan: boolean
}

const NAMED_FOLDERS = ['artifacts', 'bundles', 'quarantine', 'topics']
const MINIMA = /\.minima-\d\.json$/

/** Judges what comes into a bucket and what leaves it in the moment in which it does. */
export class BucketWatch implements BucketObserver {
  readonly #place: HistoryPlace
  readonly #backupId: string
  readonly #named = new Set<string>()
  readonly #freed = new Map<string, Freed>()

  constructor(place: HistoryPlace, backupId: string) {
    this.#place = place
    this.#backupId = backupId
  }

  /** What a commit names is there when the commit comes into being. */
  onObject(key: string, bytes: Buffer): void {
    const { note, find, bucket } = this.#place
    note(`the bucket has ${key} (${bytes.length})`)
    if (!key.startsWith(`${this.#backupId}/commits/`)) return
    if (bucket.objects.has(key)) find('lost', key, 'a commit was written over')
    const commit = JSON.parse(bytes.toString()) as CommitDocument
    for (const segment of commit.segments) {
      if (bucket.objects.get(segment.key)?.bytes.length === segment.bytes) continue
      find('lost', key, `it names ${segment.key}, which is not there`)
    }
    for (const artifact of commit.artifacts) {
      if (!bucket.objects.has(artifact.key)) find('lost', key, `it names ${artifact.key}, which is not there`)
    }
    const promise = this.#place.prunes.get(commit.program)
    const archive = { objects: bucket.objects, backupId: this.#backupId }
    if (promise) for (const broken of brokenPromises(archive, commit, promise)) find('lost', key, broken)
    this.#take(commit, key)
    this.#count(commit)
  }

  /** Only what a commit has freed goes, and only after its grace; an orphan has to be that old itself. */
  onDeletion(key: string, { modifiedMs }: StoredObject): void {
    const { note, find, count, options, nowMs } = this.#place
    note(`the bucket loses ${key}`)
    const [, folder = ''] = key.split('/')
    if (folder === 'commits') find('lost', key, 'a commit was deleted')
    if (!NAMED_FOLDERS.includes(folder)) return
    const owner = key.replace(MINIMA, '')
    const freed = this.#freed.get(owner)
    if (this.#named.has(owner)) find('lost', key, 'it was deleted, and a commit names it')
    else if (!freed) find('undeclared', key, 'it was deleted, and no commit had freed it')
    else {
      const sinceMs = freed.isOrphan ? Math.min(freed.fromMs, modifiedMs) : freed.fromMs
      const ageMs = nowMs() - sinceMs
      if (ageMs < options.graceMs) find('lost', key, `it was deleted after ${ageMs} ms, before its grace`)
      count(freed.isOrphan ? 'orphan removed' : 'freed object deleted')
    }
  }

  /** Objects that nothing names. */
  unnamed(): string[] {
    return [...this.#place.bucket.objects.keys()].filter((key) => {
      const [, folder = ''] = key.split('/')
      return NAMED_FOLDERS.includes(folder) && !this.#named.has(key.replace(MINIMA, ''))
    })
  }

  #take({ segments, artifacts, pruned, compacted }: CommitDocument, commitKey: string): void {
    const fromMs = this.#place.nowMs()
    for (const { key } of [...segments, ...artifacts]) {
      if (this.#freed.has(key))
        this.#place.find('lost', commitKey, `it names ${key}, which is going to be deleted`)
      this.#named.add(key)
    }
    const free = (key: string, isOrphan: boolean) => {
      if (isOrphan && this.#named.has(key))
        this.#place.find('lost', commitKey, `${key} passes for an orphan, and a commit names it`)
      this.#named.delete(key)
      this.#freed.set(key, { fromMs, isOrphan })
    }
    for (const key of compacted?.objects ?? []) free(key, false)
    for (const key of pruned?.partitions.flatMap(({ objects }) => objects) ?? []) free(key, false)
    for (const key of pruned?.artifacts ?? []) free(key, false)
    for (const key of pruned?.orphans ?? []) free(key.replace(MINIMA, ''), true)
  }

  #count({ run, segments, pruned, compacted }: CommitDocument): void {
    const { count } = this.#place
    const hasBundle = segments.some(({ parts }) => parts.length > 1)
    if (run?.continuous && run.target_at !== '0') count('recovery point')
    if (run && hasBundle) count('bundle')
    if (compacted) count(hasBundle ? 'compaction into larger bundles' : 'compaction into segments')
    if (pruned && pruned.partitions.length > 0) count('prune of records')
    if (pruned?.artifacts) count('prune of documents')
  }
}
