import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type KafkaCluster,
  missingS3Server,
  type S3Server,
  startKafkaCluster,
  startS3Server,
} from '@kafka-backup/testkit'
import { expectExit } from '../harness/archive.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { backUpInBundles, type Place, TOPICS } from './bundled-source.ts'

const BUCKET = 'kafka-backups'

describe('a compaction on S3', { skip: missingS3Server() }, () => {
  let cluster: KafkaCluster
  let server: S3Server
  let place: Place

  before(async () => {
    server = await startS3Server()
    await server.createBucket(BUCKET)
    cluster = await startKafkaCluster()
    const { endpoint, accessKey, secretKey } = server
    const repo = `s3://${BUCKET}/live?endpoint=${endpoint}`
    place = {
      args: ['--repo', repo, '--backup-id', 'live', '--output-format', 'json'],
      env: { KAFKA_BACKUP_STORAGE_ACCESS_KEY: accessKey, KAFKA_BACKUP_STORAGE_SECRET_KEY: secretKey },
    }
    await backUpInBundles(cluster, place)
  })

  after(async () => {
    await cluster?.close()
    await server?.close()
  })

  test('costs the requests that the plan says, and what it leaves restores as before', async () => {
    const report = (await expectExit(0, ['compact', ...place.args, '--grace', '0'], place)).json<{
      objects_in: number
      objects_out: number
      deleted: { objects: number }
      planned: { reads: number; writes: number }
      storage: { requests: Record<string, number> }
    }>()
    assert.ok(report.objects_out < report.objects_in, JSON.stringify(report))
    assert.equal(report.deleted.objects, report.objects_in)
    const { put = 0, upload_part: parts = 0 } = report.storage.requests
    // Commit, manifest and what proves that a commit is created once are beside what is planned.
    assert.ok(put + parts <= report.planned.writes + 6, JSON.stringify(report))
    await expectExit(0, ['validate', ...place.args, '--deep'], place)
    const names = new Map(TOPICS.map((topic) => [topic, `${topic}-s3`]))
    const mapping = [...names].map((pair) => pair.join('=')).join(',')
    const where = ['--bootstrap-servers', cluster.bootstrap, '--topics', TOPICS.join(',')]
    await expectExit(0, ['restore', ...where, ...place.args, '--topic-mapping', mapping], place)
    await expectCopiesEqual(cluster, [names])
  })
})
