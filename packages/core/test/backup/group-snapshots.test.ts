import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GroupSnapshots } from '../../src/backup/group-snapshots.ts'
import type { PartitionWriter } from '../../src/backup/partition-writer.ts'
import { readGroups } from '../../src/backup/read-groups.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { RunEvent } from '../../src/events/run-event.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import type { ArtifactRecord } from '../../src/format/commit.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import type { ConsumerGroup } from '../../src/kafka/consumer-group.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { latestGroups } from '../../src/repository/group-artifacts.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { prune } from '../repository/pruned-archive.ts'
import { BACKUP, draft } from '../verify/archive-writer.ts'

const GROUP: ConsumerGroup = {
  ...{ group: 'g', type: 'classic', protocolType: 'consumer', state: 'Empty', members: 0, failure: null },
  offsets: [{ topic: 'orders', partition: 0, offset: 7n, leaderEpoch: 0, metadata: '' }],
}
const BEGAN_MS = 1_700_000_000_000

/** A run on a backup in memory, with a cluster that answers what a test says, and a clock that a test moves. */
class Stage {
  readonly storage = new MemoryBackend('groups')
  readonly state = new BackupState(BACKUP)
  readonly events: RunEvent[] = []
  readonly artifacts: ArtifactRecord[] = []
  nowMs = BEGAN_MS
  answer: () => readonly ConsumerGroup[] = () => [GROUP]
  #onSleep: (() => void) | null = null
  readonly #clock: Clock = {
    nowMs: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        this.#onSleep = resolve
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
  readonly #cluster: Pick<Cluster, 'consumerGroups'> = {
    consumerGroups: async () => ({ clusterId: 'c', groups: this.answer(), silentBrokers: new Map() }),
  }

  async begin(): Promise<GroupSnapshots> {
    const { storage, state } = this
    const source = { cluster: this.#cluster, clock: this.#clock, signal: new AbortController().signal }
    const reading = await readGroups(source, storage, state)
    const place = { ...source, storage, state, writerId: '9f2c11ab' }
    const commits = { addArtifact: (artifact: ArtifactRecord) => void this.artifacts.push(artifact) }
    const observe = (event: RunEvent) => void this.events.push(event)
    return new GroupSnapshots({ ...place, commits, observe }, { reading, intervalMs: 1 })
  }

  /** The next reading of a run that goes on. */
  async nextReading(): Promise<void> {
    this.#onSleep?.()
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }

  async commit(): Promise<void> {
    const artifacts = this.artifacts.splice(0)
    await appendCommit(this.storage, this.state, draft('run-1', 'running', { artifacts }))
  }
}

/** Of orders/0; nothing of it is committed. `recoveryPointMs`: everything acknowledged before it is. */
function writer(recoveryPointMs: number | null, more: Partial<PartitionWriter> = {}): PartitionWriter {
  const plan = { topic: 'orders', partition: 0 }
  return { plan, standing: { recoveryPointMs }, isRetired: false, unread: null, ...more } as PartitionWriter
}

test('groups wait for the records that they had read, and are written once', async () => {
  const stage = new Stage()
  const groups = await stage.begin()
  for (const behind of [writer(null), writer(BEGAN_MS - 1)]) {
    await groups.writeIfCovered([behind])
    assert.equal(stage.artifacts.length, 0)
  }
  await groups.writeIfCovered([writer(BEGAN_MS)])
  assert.deepEqual(
    stage.artifacts.map(({ kind }) => kind),
    ['groups'],
  )
  await groups.writeAtEnd('complete')
  assert.equal(stage.artifacts.length, 1)
})

test('the largest offset that any group had read has to be stored, and all of it', async () => {
  for (const [storedUpTo, count] of [
    [6n, 0],
    [7n, 1],
  ] as const) {
    const stage = new Stage()
    const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
    const begins = [{ topic: 'orders', partition: 0, offset: storedUpTo }]
    await appendCommit(stage.storage, stage.state, draft('run-1', 'running', { topics, begins }))
    const slower = [{ ...GROUP.offsets![0]!, offset: 3n }]
    stage.answer = () => [
      { ...GROUP, group: 'f', offsets: slower },
      GROUP,
      { ...GROUP, group: 'h', offsets: slower },
    ]
    await (await stage.begin()).writeIfCovered([writer(null)])
    assert.equal(stage.artifacts.length, count, `stored up to ${storedUpTo}`)
  }
})

test('what is committed while groups are asked has to be stored as well', async () => {
  const stage = new Stage()
  stage.answer = () => {
    stage.nowMs = BEGAN_MS + 5
    return [GROUP]
  }
  const groups = await stage.begin()
  await groups.writeIfCovered([writer(BEGAN_MS + 4)])
  assert.equal(stage.artifacts.length, 0)
  await groups.writeIfCovered([writer(BEGAN_MS + 5)])
  assert.equal(stage.artifacts.length, 1)
})

test('a partition that nobody reads any more holds no groups back, nor does one that they have not read', async () => {
  const unread = { unread: { topic: 'orders' } } as unknown as Partial<PartitionWriter>
  const other = { plan: { topic: 'orders', partition: 1 } } as unknown as Partial<PartitionWriter>
  for (const more of [{ isRetired: true }, unread, other]) {
    const stage = new Stage()
    await (await stage.begin()).writeIfCovered([writer(null, more)])
    assert.equal(stage.artifacts.length, 1)
  }
})

test('a run that was interrupted names no groups that it has not reached; others do at their end', async () => {
  for (const [outcome, count] of [
    ['interrupted', 0],
    ['complete', 1],
    ['incomplete', 1],
  ] as const) {
    const stage = new Stage()
    await (await stage.begin()).writeAtEnd(outcome)
    assert.equal(stage.artifacts.length, count, outcome)
  }
})

test('a run that goes on reads again, stores what has changed, and never overtakes what waits', async () => {
  const stage = new Stage()
  const groups = await stage.begin()
  const over = new AbortController()
  const following = groups.follow(over.signal)
  const offsetOf = async () => (await latestGroups(stage.storage, stage.state))?.groups[0]?.offsets[0]?.offset
  const isWritten = async () => {
    await groups.writeIfCovered([writer(stage.nowMs)])
    const count = stage.artifacts.length
    if (count > 0) await stage.commit()
    return count
  }
  stage.answer = () => [{ ...GROUP, offsets: [{ ...GROUP.offsets![0]!, offset: 9n }] }]
  await stage.nextReading()
  assert.equal(await isWritten(), 1)
  assert.equal(await offsetOf(), 7n, 'what was read first has waited, and nothing took its place')
  await stage.nextReading()
  assert.equal(await isWritten(), 1)
  assert.equal(await offsetOf(), 9n)
  stage.nowMs += 60_000
  await stage.nextReading()
  assert.equal(await isWritten(), 0, 'nothing has changed')
  over.abort()
  await following
})

test('trouble with groups is told once, and fails nothing', async () => {
  const stage = new Stage()
  stage.answer = () => {
    throw new KafkaBackupError('KB_CLUSTER_UNREACHABLE', 'nobody answers')
  }
  const groups = await stage.begin()
  const over = new AbortController()
  const following = groups.follow(over.signal)
  await stage.nextReading()
  await groups.writeAtEnd('complete')
  assert.deepEqual(stage.events, [
    { type: 'groups_unread', failure: 'nobody answers', unread: [], silentBrokers: [] },
  ])
  assert.equal(groups.report.failure, 'nobody answers')
  stage.answer = () => [{ ...GROUP, offsets: null, failure: 'GROUP_AUTHORIZATION_FAILED' }]
  await stage.nextReading()
  assert.deepEqual(groups.report.unread, [{ group: 'g', reason: 'GROUP_AUTHORIZATION_FAILED' }])
  assert.equal(stage.events.length, 2)
  over.abort()
  await following
})

test('a store that does not take the groups takes the run no further than that', async () => {
  const stage = new Stage()
  const groups = await stage.begin()
  stage.storage.put = async () => {
    throw new KafkaBackupError('KB_STORAGE_FULL', 'no room')
  }
  await groups.writeAtEnd('complete')
  assert.equal(stage.artifacts.length, 0)
  assert.equal(groups.report.failure, 'no room')
})

test('a damaged document of a run before is as good as none', async () => {
  const stage = new Stage()
  await (await stage.begin()).writeAtEnd('complete')
  const [artifact] = stage.artifacts
  await stage.commit()
  await stage.storage.replace(artifact!.key, Buffer.from('damaged'))
  await (await stage.begin()).writeAtEnd('complete')
  assert.equal(stage.artifacts.length, 1)
})

test('what a state names and others have pruned since is looked up in the newest one', async () => {
  const stage = new Stage()
  for (const offset of [7n, 8n]) {
    stage.answer = () => [{ ...GROUP, offsets: [{ ...GROUP.offsets![0]!, offset }] }]
    await (await stage.begin()).writeAtEnd('complete')
    await stage.commit()
  }
  const behind = await openBackup(stage.storage, BACKUP, { asOfCommit: 1n })
  await prune(stage.storage, { beforeMs: 2n ** 62n })
  const silent = { consumerGroups: async () => ({ clusterId: 'c', groups: [], silentBrokers: new Map() }) }
  const source = { cluster: silent, clock: systemClock, signal: new AbortController().signal }
  const { before } = await readGroups(source, stage.storage, behind)
  assert.equal(before?.groups[0]?.offsets[0]?.offset, 8n)
})
