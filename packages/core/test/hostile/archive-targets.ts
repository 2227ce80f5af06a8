import assert from 'node:assert/strict'
import { promisify } from 'node:util'
import { zstdCompress, zstdCompressSync } from 'node:zlib'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { canonicalJson, type JsonValue, parseCanonical, sha256Hex } from '../../src/format/canonical-json.ts'
import { clusterDigest, decodeCluster, encodeCluster } from '../../src/format/cluster-document.ts'
import { type Commit, decodeCommit, encodeCommit } from '../../src/format/commit.ts'
import { decodeGroups, encodeGroups } from '../../src/format/groups-document.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { prunedRangeOf } from '../../src/format/pruned-history.ts'
import { decodeSeekTable, encodeSeekTable } from '../../src/format/seek-table.ts'
import { decodeSegmentHeader, encodeSegmentHeader } from '../../src/format/segment-header.ts'
import { decodeSegmentIndex, encodeSegmentIndex } from '../../src/format/segment-index.ts'
import {
  encodeSkippable,
  HEADER_MAGIC,
  INDEX_MAGIC,
  SNAPSHOT_DIGEST_MAGIC,
} from '../../src/format/skippable-frame.ts'
import { encodeSnapshot } from '../../src/format/snapshot.ts'
import { decodeTopics, encodeTopics, saysTheSame } from '../../src/format/topics-document.ts'
import { readArtifact } from '../../src/repository/artifacts.ts'
import { decodeSnapshotObject, encodeSnapshotObject } from '../../src/repository/snapshot-object.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { CLUSTER_SAMPLE } from '../format/cluster-sample.ts'
import { BEGINS, begun, commit, divergence, gap, part, segment, TOPICS } from '../format/fold-samples.ts'
import { randomCommit } from '../format/random-commit.ts'
import { randomGroups } from '../format/random-groups.ts'
import { TOPICS_SAMPLE } from '../format/topics-sample.ts'
import { prng } from '../protocol/prng.ts'
import { damage } from './damage.ts'
import { damageDocument, sealed, sortedJson } from './document-damage.ts'
import { type FuzzTarget, INTEGRITY } from './fuzz-target.ts'
import { transformTargets } from './transform-targets.ts'

const compress = promisify(zstdCompress)
const DIGEST = 'ab'.repeat(32)

const HEADER = encodeSegmentHeader({
  backupId: 'daily',
  writer: '9f2c11ab',
  sequence: 31,
  createdAtMs: 1_700_000_000_000n,
  transforms: ['zstd'],
  streams: [
    { topic: 'orders', topicId: 'Vj2aaaaaaaaaaaaaaaaaQQ', partition: 7 },
    { topic: 'old', topicId: null, partition: 0 },
  ],
})

const STATISTICS = {
  stream: 0,
  rawBytes: 80,
  sha256: DIGEST,
  firstOffset: 5n,
  lastOffset: 9n,
  batches: 2,
  controlBatches: 1,
  records: 3,
  abortedRecords: 1,
  minTimestampMs: null,
  maxTimestampMs: 7n,
  leaderEpochs: [[3, 5n]] as const,
  largestBatchBytes: 70,
  codecs: ['none', 'gzip'],
}

const INDEX = encodeSegmentIndex({
  header: { bytes: HEADER.length, sha256: DIGEST },
  frames: [
    { ...STATISTICS, position: HEADER.length, bytes: 50 },
    { ...STATISTICS, position: HEADER.length + 50, bytes: 70 },
  ],
  aborted: [{ stream: 0, producerId: 4711n, firstOffset: 5n, endOffset: null }],
})

/** One of our skippable frames whose content is a document, damaged in its bytes or in its values. */
function frameTarget(
  name: string,
  magic: number,
  frame: Buffer,
  decode: (bytes: Buffer) => unknown,
): FuzzTarget {
  const document = JSON.parse(frame.subarray(8).toString()) as JsonValue
  return {
    name,
    weight: 1.2,
    categories: INTEGRITY,
    acceptedMin: 0.005,
    make: (random) => {
      if (random.chance(0.3)) {
        const bytes = damage(random, frame, frame)
        return { bytes, run: () => decode(bytes) }
      }
      const text = Buffer.from(sortedJson(damageDocument(random, document)))
      const content = random.chance(0.2) ? damage(random, text, text) : text
      const bytes = encodeSkippable(magic, content)
      return { bytes, run: () => decode(bytes) }
    },
  }
}

function readIndex(bytes: Buffer): void {
  const { header, frames } = decodeSegmentIndex(bytes)
  let position = header.bytes
  for (const frame of frames) {
    assert.equal(frame.position, position, 'bytes that no digest covers')
    position += frame.bytes
  }
}

/** A commit that is accepted is one that we would write ourselves but for fields that we do not know. */
function readCommit(bytes: Buffer): void {
  const decoded = decodeCommit(bytes)
  encodeCommit(decoded)
  const state = decoded.number === 1n ? new BackupState(decoded.backupId) : begun()
  state.apply(decoded, sha256Hex(bytes))
  renderManifest(state)
}

/** The next commit of a state, which prunes. */
function pruneOf(state: BackupState): Commit {
  const history = state.partition('orders', 0)
  assert.ok(history)
  const orphans = ['b/bundles/bundle-0000000001-00000001.zst']
  const pruned = { partitions: [prunedRangeOf(history, 1)], orphans }
  return { ...commit(state.nextNumber, { previousSha256: state.tip?.sha256 ?? null }), run: null, pruned }
}

/** The next commit of a state, which prunes a document. */
function documentPruneOf(state: BackupState): Commit {
  const artifacts = ['b/artifacts/groups/00000000000000000001-00000001.json.zst']
  return { ...pruneOf(state), pruned: { partitions: [], orphans: [], artifacts } }
}

function commitTarget(): FuzzTarget {
  const random = prng(14)
  const content = { topics: TOPICS, begins: BEGINS, segments: [segment(part(5n, 9n))], gaps: [gap(10n, 12n)] }
  const next = { previousSha256: '1', segments: [segment(part(10n, 12n))] }
  const commits = [
    commit(1n, { ...content, previousSha256: null }),
    commit(2n, next),
    commit(2n, { previousSha256: '1', divergences: [divergence()] }),
    pruneOf(begun()),
    documentPruneOf(begun()),
    ...Array.from({ length: 5 }, () => randomCommit(random)),
  ]
  const samples = commits.map((sample) => encodeCommit({ ...sample, writer: '00000001' }).bytes)
  const documents = samples.map((bytes) => JSON.parse(bytes.toString()) as JsonValue)
  return {
    name: 'commits',
    weight: 2,
    categories: INTEGRITY,
    acceptedMin: 0,
    make: (source) => {
      if (source.chance(0.3)) {
        const sample = source.pick(samples)
        const bytes = damage(source, sample, source.pick(samples))
        return { bytes, run: () => readUnrepaired(bytes, samples, () => decodeCommit(bytes)) }
      }
      const bytes = sealed(damageDocument(source, source.pick(documents)))
      return { bytes, run: () => readCommit(bytes) }
    },
  }
}

function groupsTarget(): FuzzTarget {
  const samples = Array.from({ length: 10 }, (_, seed) => encodeGroups(randomGroups(prng(seed), 1 + seed)))
  const documents = samples.map((bytes) => JSON.parse(bytes.toString()) as JsonValue)
  return {
    name: 'groups',
    weight: 1,
    categories: INTEGRITY,
    acceptedMin: 0.005,
    make: (source) => {
      if (source.chance(0.3)) {
        const bytes = damage(source, source.pick(samples), source.pick(samples))
        return { bytes, run: () => readUnrepaired(bytes, samples, () => decodeGroups(bytes)) }
      }
      const bytes = sealed(damageDocument(source, source.pick(documents)))
      return { bytes, run: () => encodeGroups(decodeGroups(bytes)) }
    },
  }
}

/** Damage whose digest was not made right again cannot pass, unless another sample came out of it. */
async function readUnrepaired(bytes: Buffer, samples: readonly Buffer[], read: () => unknown): Promise<void> {
  await read()
  assert.ok(
    samples.some((sample) => sample.equals(bytes)),
    'damage was not noticed',
  )
}

async function snapshotTarget(): Promise<FuzzTarget> {
  const state = begun()
  const number = 2n
  state.apply(commit(number, { gaps: [gap(10n, 12n)] }), DIGEST)
  const whole = begun()
  whole.apply(commit(number), DIGEST)
  const pruned = begun()
  pruned.apply(commit(number, { segments: [segment(part(10n, 12n))], previousSha256: '1' }), DIGEST)
  pruned.apply(pruneOf(pruned), DIGEST)
  const states = [state, whole, pruned]
  const samples = await Promise.all(states.map((state) => encodeSnapshotObject(state)))
  const documents = states.map((each) => JSON.parse(encodeSnapshot(each).toString()) as JsonValue)
  const others = await Promise.all(
    Array.from({ length: 400 }, (_, at) =>
      snapshotObject(sealed(damageDocument(prng(at), documents[at % 3]!))),
    ),
  )
  return {
    name: 'snapshot objects',
    weight: 0.3,
    categories: INTEGRITY,
    acceptedMin: 0.005,
    make: (random) => {
      if (random.chance(0.6)) {
        const bytes = random.pick(others)
        return { bytes, run: () => decodeSnapshotObject(bytes) }
      }
      const bytes = damage(random, random.pick(samples), random.pick(samples))
      // Half of them with the digest of the damaged frame, so that the decompressor sees the damage.
      if (random.chance(0.5)) {
        const repaired = withDigest(bytes.subarray(0, -40))
        return { bytes: repaired, run: () => decodeSnapshotObject(repaired) }
      }
      return { bytes, run: () => readUnrepaired(bytes, samples, () => decodeSnapshotObject(bytes)) }
    },
  }
}

function withDigest(frame: Buffer): Buffer {
  return Buffer.concat([frame, encodeSkippable(SNAPSHOT_DIGEST_MAGIC, Buffer.from(sha256Hex(frame), 'hex'))])
}

async function snapshotObject(document: Buffer): Promise<Buffer> {
  return withDigest(await compress(document))
}

/** Of a commit that names exactly these bytes. */
async function readCompressedArtifact(bytes: Buffer): Promise<Buffer> {
  const storage = new MemoryBackend('artifact')
  const key = 'daily/artifacts/groups/00000000000000000001-9f2c11ab.json.zst'
  await storage.put(key, bytes)
  return readArtifact(storage, { kind: 'groups', key, bytes: bytes.length, sha256: sha256Hex(bytes) })
}

/** A document of groups as a commit names it: the frame is damaged before its digest was taken. */
function compressedArtifactTarget(): FuzzTarget {
  const samples = [3, 40].map((count) => zstdCompressSync(encodeGroups(randomGroups(prng(count), count))))
  return {
    name: 'compressed artifacts',
    weight: 0.3,
    categories: INTEGRITY,
    acceptedMin: 0,
    make: (random) => {
      const bytes = damage(random, random.pick(samples), random.pick(samples))
      return { bytes, run: async () => encodeGroups(decodeGroups(await readCompressedArtifact(bytes))) }
    },
  }
}

function seekTableTarget(): FuzzTarget {
  const table = encodeSeekTable([
    { bytes: 300, rawBytes: 0 },
    { bytes: 50, rawBytes: 80 },
    { bytes: 70, rawBytes: 90 },
  ])
  return {
    name: 'seek tables',
    weight: 1.2,
    categories: INTEGRITY,
    acceptedMin: 0.01,
    make: (random) => {
      const bytes = damage(random, table, table)
      if (random.chance(0.5) && bytes.length >= 8) bytes.writeUInt32LE(bytes.length - 8, 4)
      return { bytes, run: () => decodeSeekTable(bytes) }
    },
  }
}

function canonicalTarget(): FuzzTarget {
  const text = canonicalJson({ a: [1, 2, { b: 'x"\\y' }], c: null, d: { e: true, f: '\u{1f4be}' } })
  return {
    name: 'canonical JSON',
    weight: 1.5,
    categories: INTEGRITY,
    acceptedMin: 0.01,
    make: (random) => {
      const bytes = damage(random, Buffer.from(text), Buffer.from(text))
      return { bytes, run: () => readCanonical(bytes) }
    },
  }
}

function readCanonical(bytes: Buffer): void {
  let parsed: unknown
  try {
    parsed = parseCanonical(bytes, false)
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'RangeError') throw error
    // Its errors are plain: those who call it know which document it is.
    throw new KafkaBackupError('KB_COMMIT_CORRUPT', error.message)
  }
  assert.equal(canonicalJson(parsed as JsonValue), bytes.toString(), 'two texts for one document')
}

/** A document that is accepted is one that we would write ourselves but for fields that we do not know. */
function readTopics(bytes: Buffer): void {
  const document = decodeTopics(bytes)
  assert.ok(saysTheSame(decodeTopics(encodeTopics(document)), document))
}

/** The same of clusters. */
function readCluster(bytes: Buffer): void {
  const document = decodeCluster(bytes)
  assert.equal(clusterDigest(decodeCluster(encodeCluster(document))), clusterDigest(document))
}

function artifactTarget(name: string, sample: Buffer, read: (bytes: Buffer) => void): FuzzTarget {
  const document = JSON.parse(sample.toString()) as JsonValue
  return {
    name,
    weight: 1,
    categories: INTEGRITY,
    acceptedMin: 0.005,
    make: (random) => {
      if (random.chance(0.3)) {
        const bytes = damage(random, sample, sample)
        return { bytes, run: () => readUnrepaired(bytes, [sample], () => read(bytes)) }
      }
      const bytes = sealed(damageDocument(random, document))
      return { bytes, run: () => read(bytes) }
    },
  }
}

export async function archiveTargets(): Promise<FuzzTarget[]> {
  return [
    frameTarget('segment headers', HEADER_MAGIC, HEADER, decodeSegmentHeader),
    frameTarget('segment indexes', INDEX_MAGIC, INDEX, readIndex),
    seekTableTarget(),
    canonicalTarget(),
    commitTarget(),
    groupsTarget(),
    await snapshotTarget(),
    compressedArtifactTarget(),
    artifactTarget('documents of topics', encodeTopics(TOPICS_SAMPLE), readTopics),
    artifactTarget('documents of clusters', encodeCluster(CLUSTER_SAMPLE), readCluster),
    ...(await transformTargets()),
  ]
}
