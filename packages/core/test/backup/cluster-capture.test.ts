import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterCapture } from '../../src/backup/cluster-capture.ts'
import { mergeCluster } from '../../src/backup/merge-cluster.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { RunEvent } from '../../src/events/run-event.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { type ClusterDocument, decodeCluster } from '../../src/format/cluster-document.ts'
import type { ArtifactRecord } from '../../src/format/commit.ts'
import type { ClusterFacts } from '../../src/kafka/cluster-facts.ts'
import { readArtifact } from '../../src/repository/artifacts.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { aclOf } from '../format/cluster-sample.ts'

const NONE = { entries: [], unread: null } as const
const FACTS: ClusterFacts = {
  clusterId: 'c1',
  brokers: [{ id: 1, host: 'b', port: 9092, rack: null }],
  features: NONE,
  acls: { entries: [aclOf()], unread: null },
  quotas: NONE,
  scramUsers: NONE,
}
const DENIED = { entries: null, unread: 'CLUSTER_AUTHORIZATION_FAILED' } as const
const HEADING = { backupId: 'daily', writer: '0badc0de' }

function documentOf(before: ClusterDocument | null, facts: ClusterFacts, readAtMs: bigint): ClusterDocument {
  return { ...HEADING, readAtMs, ...mergeCluster(before, facts) }
}

test('neither a refusal nor an empty answer replaces what is known, and both are told', () => {
  const first = documentOf(null, FACTS, 10n)
  assert.deepEqual(first.acls, { entries: [aclOf()], unread: null, readAtMs: null })
  const denied = documentOf(first, { ...FACTS, acls: DENIED }, 20n)
  assert.deepEqual(denied.acls, { entries: [aclOf()], unread: DENIED.unread, readAtMs: 10n })
  const empty = documentOf(denied, { ...FACTS, acls: NONE, brokers: [] }, 30n)
  assert.deepEqual(empty.acls, { entries: [aclOf()], unread: 'NO_ENTRIES', readAtMs: 10n })
  assert.deepEqual(empty.brokers, FACTS.brokers)
  const again = documentOf(empty, { ...FACTS, acls: { entries: [aclOf({ host: 'h' })], unread: null } }, 40n)
  assert.deepEqual(again.acls, { entries: [aclOf({ host: 'h' })], unread: null, readAtMs: null })
})

test('what was never known is null when it is refused, and none when there is none', () => {
  const { acls, quotas } = documentOf(null, { ...FACTS, acls: DENIED }, 10n)
  assert.deepEqual(acls, { entries: null, unread: DENIED.unread, readAtMs: null })
  assert.deepEqual(quotas, { entries: [], unread: null, readAtMs: null })
})

class CaptureStage {
  answer: () => Promise<ClusterFacts> = async () => FACTS
  asked = 0
  nowMs = 0
  readonly events: RunEvent[] = []
  readonly artifacts: ArtifactRecord[] = []
  readonly state = new BackupState('daily')
  readonly storage = new MemoryBackend('cluster')
  /** Of sleeps: those of a grace end at once. */
  isLate = false
  readonly capture = new ClusterCapture({
    cluster: {
      clusterFacts: () => {
        this.asked++
        return this.answer()
      },
    },
    state: this.state,
    storage: this.storage,
    writerId: HEADING.writer,
    clock: {
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      sleep: () => (this.isLate ? Promise.resolve() : new Promise(() => undefined)),
    },
    observe: (event) => void this.events.push(event),
    commits: { addArtifact: (artifact) => void this.artifacts.push(artifact) },
    signal: new AbortController().signal,
  })

  async look(): Promise<void> {
    this.capture.beginIfDue()
    await this.capture.settle()
    this.nowMs += LIMITS.clusterLookMs
  }
}

test('a document is written when it says something new, once for each commit, and once an hour at most', async () => {
  const stage = new CaptureStage()
  await stage.look()
  assert.equal(stage.artifacts.length, 1)
  const [artifact] = stage.artifacts
  assert.deepEqual(
    decodeCluster(await readArtifact(stage.storage, artifact as ArtifactRecord)),
    documentOf(null, FACTS, 0n),
  )
  await stage.look()
  stage.nowMs -= 1
  await stage.look()
  assert.deepEqual([stage.asked, stage.artifacts.length], [2, 1])
  stage.answer = async () => ({ ...FACTS, clusterId: 'c2' })
  stage.nowMs += LIMITS.clusterLookMs
  await stage.look()
  assert.equal(stage.artifacts.length, 1, 'that of this commit is written')
  assert.deepEqual(stage.events, [])
})

test('what goes wrong is told once, and fails nothing', async () => {
  const stage = new CaptureStage()
  stage.answer = async () => ({
    ...FACTS,
    acls: DENIED,
    quotas: { entries: null, unread: 'SECURITY_DISABLED' },
  })
  await stage.look()
  await stage.look()
  const unread = [{ section: 'acls', reason: DENIED.unread }]
  assert.deepEqual(stage.events, [{ type: 'cluster_unread', unread, failure: null }])
  stage.answer = () => Promise.reject(new KafkaBackupError('KB_CLUSTER_UNREACHABLE', 'nobody'))
  await stage.look()
  assert.equal(stage.capture.report.failure, 'nobody')
  assert.equal(stage.events.length, 2)
})

test('the end of a run does not wait for ever', async () => {
  const stage = new CaptureStage()
  stage.answer = () => new Promise(() => undefined)
  stage.isLate = true
  await stage.look()
  assert.equal(stage.capture.report.failure, 'it was not read in time')
  assert.equal(stage.artifacts.length, 0)
})
