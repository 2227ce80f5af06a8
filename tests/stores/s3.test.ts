import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type KafkaCluster, missingS3Server, type S3Server, startS3Server } from '@kafka-backup/testkit'
import { CRASH_TOPICS, startFilledCluster } from '../crash/source-data.ts'
import { expectExit, renamed } from '../harness/archive.ts'
import { runProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'

const BUCKET = 'kafka-backups'
const PREFIX = 'cluster-prod'
const JSON_OUTPUT = ['--output-format', 'json']

describe('the program with a repository in S3', { skip: missingS3Server() }, () => {
  let server: S3Server
  let cluster: KafkaCluster
  let repo: string
  let keys: Record<string, string>

  before(async () => {
    server = await startS3Server()
    await server.createBucket(BUCKET)
    cluster = await startFilledCluster(0.4)
    repo = `s3://${BUCKET}/${PREFIX}?endpoint=${server.endpoint}`
    keys = {
      KAFKA_BACKUP_STORAGE_ACCESS_KEY: server.accessKey,
      KAFKA_BACKUP_STORAGE_SECRET_KEY: server.secretKey,
    }
  })
  after(async () => {
    await cluster?.close()
    await server?.close()
  })

  const place = (backupId = 'daily') => ['--repo', repo, '--backup-id', backupId, ...JSON_OUTPUT]
  const source = () => ['--bootstrap-servers', cluster.bootstrap, '--topics', CRASH_TOPICS.join(',')]

  test('backs up in two runs, and every verb reads what is there', async () => {
    const options = { env: keys }
    const first = await expectExit(0, ['backup', ...source(), ...place()], options)
    const report = first.json<{ outcome: string; records: number; single_writer: boolean }>()
    assert.equal(report.outcome, 'complete')
    assert.ok(report.records > 0)
    assert.equal(report.single_writer, false)
    await expectExit(0, ['backup', ...source(), ...place()], options)
    const list = await expectExit(0, ['list', '--repo', repo, ...JSON_OUTPUT], options)
    assert.equal(list.json<{ location: string }>().location, repo)
    assert.match(list.stdout, /daily/)
    for (const verb of ['describe', 'status']) await expectExit(0, [verb, ...place()], options)
    const validation = await expectExit(0, ['validate', ...place(), '--deep'], options)
    assert.equal(validation.json<{ verdict: string }>().verdict, 'complete')
  })

  test('restores with the standard variables of AWS, and Kafka sees the same records', async () => {
    const names = renamed(CRASH_TOPICS, 'restored')
    const mapping = [...names].map(([from, to]) => `${from}=${to}`).join(',')
    const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    await expectExit(0, ['restore', ...source(), '--topic-mapping', mapping, ...place()], { env })
    await expectCopiesEqual(cluster, [names])
  })

  test('takes the section of a file with its secrets in variables', async () => {
    const file = join(cluster.folder, 'backup.yaml')
    await writeFile(
      file,
      [
        'mode: backup',
        'backup_id: from-file',
        `source: { bootstrap_servers: ["${cluster.bootstrap}"], topics: { include: [orders] } }`,
        'storage:',
        '  backend: s3',
        `  endpoint: "${server.endpoint}"`,
        `  bucket: ${BUCKET}`,
        `  prefix: ${PREFIX}`,
        '  access_key: "$' + '{S3_ACCESS_KEY}"',
        '  secret_key: "$' + '{S3_SECRET_KEY}"',
      ].join('\n'),
    )
    const env = { S3_ACCESS_KEY: server.accessKey, S3_SECRET_KEY: server.secretKey }
    const end = await expectExit(0, ['backup', '--config', file, ...JSON_OUTPUT], { env })
    assert.equal(end.json<{ outcome: string }>().outcome, 'complete')
    assert.ok(!(end.stdout + end.stderr).includes(server.secretKey))
    const list = await expectExit(0, ['list', '--repo', repo, ...JSON_OUTPUT], { env: keys })
    assert.match(list.stdout, /from-file/)
  })

  test('repeats in its report that only a promise keeps two runs apart', async () => {
    const vouched = ['--repo', `${repo}&single_writer=true`, '--backup-id', 'vouched']
    const end = await expectExit(0, ['backup', ...source(), ...vouched], { env: keys })
    assert.match(end.stdout, /single_writer: nothing kept a second run from writing/)
  })

  test('says what is wrong with keys and buckets, without the keys', async () => {
    const wrong = { ...keys, KAFKA_BACKUP_STORAGE_SECRET_KEY: 'canary/zQ7' }
    const denied = await runProgram(['list', '--repo', repo, ...JSON_OUTPUT], { env: wrong })
    assert.equal(denied.exitCode, 8, denied.stderr)
    assert.match(denied.stdout, /KB_STORAGE_PERMISSION/)
    const absent = await runProgram(['list', '--repo', repo.replace(BUCKET, 'absent-bucket')], { env: keys })
    assert.equal(absent.exitCode, 2, absent.stderr)
    assert.match(absent.stderr, /there is no such bucket/)
    const flag = await runProgram(['list', '--repo', repo, '--secret-key', 'canary/zQ7'], { env: keys })
    assert.equal(flag.exitCode, 2, flag.stderr)
    for (const end of [denied, absent, flag]) assert.doesNotMatch(end.stdout + end.stderr, /zQ7/)
  })
})
