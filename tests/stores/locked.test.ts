import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
  type S3Client,
} from '@aws-sdk/client-s3'
import {
  fillTopics,
  type KafkaCluster,
  missingS3Server,
  type S3Server,
  startS3Server,
} from '@kafka-backup/testkit'
import { CRASH_TOPICS, startFilledCluster } from '../crash/source-data.ts'
import { expectExit, renamed } from '../harness/archive.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { clientOf, makeLockedBucket, type WriteOnlyAccount } from './locked-bucket.ts'

const BUCKET = 'locked'
// Of what is above it, the account may not even list `teams`.
const PREFIX = 'teams/cluster-prod'
const JSON_OUTPUT = ['--output-format', 'json']

describe('a bucket with object lock, and an account that may not delete', { skip: missingS3Server() }, () => {
  let server: S3Server
  let cluster: KafkaCluster
  let account: WriteOnlyAccount
  let root: S3Client
  let writer: S3Client
  let env: Record<string, string>
  let repo: string[]

  before(async () => {
    server = await startS3Server()
    account = await makeLockedBucket(server, { bucket: BUCKET, prefix: PREFIX })
    cluster = await startFilledCluster(0.3)
    root = clientOf(server, server)
    writer = clientOf(server, account)
    env = { AWS_ACCESS_KEY_ID: account.accessKey, AWS_SECRET_ACCESS_KEY: account.secretKey }
    repo = ['--repo', `s3://${BUCKET}/${PREFIX}?endpoint=${server.endpoint}`]
  })
  after(async () => {
    root?.destroy()
    writer?.destroy()
    await cluster?.close()
    await server?.close()
  })

  const place = () => [...repo, '--backup-id', 'daily', ...JSON_OUTPUT]
  const source = () => ['--bootstrap-servers', cluster.bootstrap, '--topics', CRASH_TOPICS.join(',')]

  async function versionsBelow(prefix: string): Promise<ObjectVersion[]> {
    const answer = await root.send(
      new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: `${PREFIX}/${prefix}` }),
    )
    return answer.Versions ?? []
  }

  async function expectRefused(client: S3Client, target: { Key: string; VersionId?: string }): Promise<void> {
    const attempt = client.send(new DeleteObjectCommand({ Bucket: BUCKET, ...target }))
    await assert.rejects(attempt, { name: 'AccessDenied' })
  }

  async function segmentVersion(): Promise<{ Key: string; VersionId: string }> {
    const [segment] = await versionsBelow('daily/topics/')
    assert.ok(segment?.Key && segment.VersionId)
    return { Key: segment.Key, VersionId: segment.VersionId }
  }

  const validate = async (exitCode: number) => {
    const end = await expectExit(exitCode, ['validate', ...place(), '--deep'], { env })
    return end.json<{ verdict: string; commits: number }>()
  }

  test('takes two backups, which are valid, and restores them', async () => {
    await expectExit(0, ['backup', ...source(), ...place()], { env })
    const first = await validate(0)
    await fillTopics(cluster, [{ topic: 'orders', records: 700, seed: 9 }])
    const end = await expectExit(0, ['backup', ...source(), ...place()], { env })
    assert.equal(end.json<{ records: number }>().records, 700)
    const second = await validate(0)
    assert.ok(second.commits > first.commits)
    const names = renamed(CRASH_TOPICS, 'restored')
    const mapping = [...names].map(([from, to]) => `${from}=${to}`).join(',')
    await expectExit(0, ['restore', ...source(), '--topic-mapping', mapping, ...place()], { env })
    await expectCopiesEqual(cluster, [names])
  })

  test('keeps each manifest, copy of the offset state and renewal of a lease as a version, and everything else once', async () => {
    const versions = await versionsBelow('daily/')
    const manifests = versions.filter(({ Key }) => Key === `${PREFIX}/daily/manifest.json`)
    assert.ok(manifests.length >= 2, `${manifests.length} versions of the manifest`)
    const texts = new Set<string>()
    for (const { Key, VersionId } of manifests) {
      const found = await root.send(new GetObjectCommand({ Bucket: BUCKET, Key, VersionId }))
      texts.add((await found.Body?.transformToString()) ?? '')
    }
    assert.ok(texts.size >= 2, 'an old one is still what it was')
    const copies = versions.filter(({ Key }) => Key === `${PREFIX}/daily/state/offsets.db`)
    assert.ok(copies.length >= 2, `${copies.length} versions of the offset state`)
    const leases = versions.filter(({ Key }) => Key?.startsWith(`${PREFIX}/daily/leases/`))
    const names = new Set(leases.map(({ Key }) => Key))
    assert.equal(names.size, 2, 'one lease of each backup')
    for (const Key of names) {
      const newest = await root.send(new GetObjectCommand({ Bucket: BUCKET, Key }))
      assert.match((await newest.Body?.transformToString()) ?? '', /"is_released":true/)
    }
    const replaced = [...manifests, ...copies, ...leases]
    const others = versions.filter((version) => !replaced.includes(version)).map(({ Key }) => Key)
    assert.ok(others.length > 0)
    assert.equal(new Set(others).size, others.length, 'nothing else was ever written twice')
  })

  test('deletes no version of a segment, for nobody, and the account may not even hide one', async () => {
    const segment = await segmentVersion()
    await expectRefused(writer, { Key: segment.Key })
    await expectRefused(writer, segment)
    await expectRefused(root, segment)
    assert.equal((await validate(0)).verdict, 'complete')
  })

  test('refuses the account what lies outside its prefix', async () => {
    const outside = `s3://${BUCKET}/elsewhere?endpoint=${server.endpoint}`
    for (const verb of ['probe', 'list']) await expectExit(8, [verb, '--repo', outside], { env })
    const answer = await root.send(new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: 'elsewhere' }))
    assert.deepEqual(answer.Versions ?? [], [])
  })

  test('a segment that a stronger account has hidden is missed, and comes back', async () => {
    const { Key } = await segmentVersion()
    const marker = await root.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }))
    assert.equal((await validate(4)).verdict, 'damaged')
    await root.send(new DeleteObjectCommand({ Bucket: BUCKET, Key, VersionId: marker.VersionId }))
    assert.equal((await validate(0)).verdict, 'complete')
  })

  test('a probe finds all that a backup needs, and tells of the lock and of what it had to leave', async () => {
    interface Probe {
      readonly capabilities: readonly {
        readonly id: string
        readonly answer: string
        readonly detail: string | null
      }[]
      readonly leftovers: readonly string[]
    }
    const probe = async (more: Record<string, string>) => {
      const end = await expectExit(0, ['probe', ...repo, ...JSON_OUTPUT], { env: more })
      const { capabilities, leftovers } = end.json<Probe>()
      return { leftovers, of: (id: string) => capabilities.find((entry) => entry.id === id) }
    }
    const weak = await probe(env)
    assert.equal(weak.of('delete')?.answer, 'no')
    assert.equal(weak.of('object_lock')?.answer, 'unknown', 'its rights do not reach so far')
    assert.ok(weak.leftovers.length > 0)
    const strong = await probe({
      AWS_ACCESS_KEY_ID: server.accessKey,
      AWS_SECRET_ACCESS_KEY: server.secretKey,
    })
    assert.deepEqual([strong.of('versioning')?.answer, strong.of('object_lock')?.answer], ['yes', 'yes'])
    assert.equal(strong.of('default_retention')?.detail, 'COMPLIANCE, 1 day')
    const list = await expectExit(0, ['list', ...repo, ...JSON_OUTPUT], { env })
    assert.equal(list.json<{ backups: unknown[] }>().backups.length, 1, 'what a probe leaves is no backup')
  })
})
