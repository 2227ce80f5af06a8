import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { ListMultipartUploadsCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import { missingS3Server, openTempFolder, type S3Server, startS3Server } from '@kafka-backup/testkit'
import { errorXml, openLossyProxy } from '../../packages/core/test/storage/lossy-proxy.ts'
import { openBucket } from '../../packages/core/test/storage/s3-subject.ts'
import { openForgetfulStore } from '../../packages/core/test/verify/forgetful-store.ts'
import { assertExit, expectExit } from '../harness/archive.ts'
import { startProgram } from '../harness/run-program.ts'
import { clientOf } from './locked-bucket.ts'

const JSON_OUTPUT = ['--output-format', 'json']

interface ProbeDocument {
  readonly verdict: string
  readonly single_writer: boolean
  readonly capabilities: readonly { readonly id: string; readonly answer: string; readonly needed: boolean }[]
  readonly leftovers: readonly string[]
}

test('the verb probe says that a folder is not there, and does not make it', async () => {
  const folder = await openTempFolder('kb-probe-verb-')
  after(() => folder.close())
  const { stdout } = await expectExit(0, ['probe', '--path', `${folder.path}/absent/backups`])
  assert.match(stdout, /^Suitable /m)
  assert.match(stdout, /^Not there +the folder does not exist; the first backup makes it/m)
  assert.deepEqual(await readdir(folder.path), [])
})

describe('the verb probe on S3', { skip: missingS3Server() }, () => {
  let server: S3Server
  let env: Record<string, string>
  let buckets = 0

  before(async () => {
    server = await startS3Server()
    env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
  })
  after(() => server?.close())

  const freshBucket = async () => {
    const name = `probed-${++buckets}`
    await server.createBucket(name)
    return name
  }

  async function keysIn(bucket: string): Promise<string[]> {
    const storage = openBucket(server, bucket)
    const keys: string[] = []
    for await (const { key } of storage.list('')) keys.push(key)
    await storage.close()
    return keys
  }

  test('calls a store suitable that is, and leaves nothing', async () => {
    const bucket = await freshBucket()
    const repo = ['--repo', `s3://${bucket}/some/prefix?endpoint=${server.endpoint}`]
    const table = await expectExit(0, ['probe', ...repo], { env })
    assert.match(table.stdout, /^Suitable /m)
    assert.match(table.stdout, /^create only if absent +yes +yes +Two runs at once cannot/m)
    const report = (await expectExit(0, ['probe', ...repo, ...JSON_OUTPUT], { env })).json<ProbeDocument>()
    assert.deepEqual([report.verdict, report.leftovers], ['suitable', []])
    assert.deepEqual(await keysIn(bucket), [])
    const list = await expectExit(0, ['list', ...repo], { env })
    assert.match(list.stdout, /^No backup in /)
  })

  test('refuses a store that overwrites, unless somebody vouches for a single writer', async () => {
    const bucket = await freshBucket()
    await using proxy = await openForgetfulStore(server, bucket, ['PUT', 'POST'])
    const repo = `s3://${bucket}?endpoint=${proxy.endpoint}`
    const refused = await expectExit(7, ['probe', '--repo', repo], { env })
    assert.match(refused.stdout, /^Unsuitable +2 needs/m)
    assert.match(refused.stdout, /storage\.single_writer: true/)
    const vouched = await expectExit(0, ['probe', '--repo', `${repo}&single_writer=true`, ...JSON_OUTPUT], {
      env,
    })
    const report = vouched.json<ProbeDocument>()
    assert.equal(report.single_writer, true)
    const entry = report.capabilities.find(({ id }) => id === 'put_if_absent')
    assert.deepEqual([entry?.answer, entry?.needed], ['no', false])
  })

  test('says that parts of failed uploads stay where the account may not abort them', async () => {
    const bucket = await freshBucket()
    const [accessKey, secretKey] = ['never-aborts', 'secret-of-never-aborts']
    await server.createUser(accessKey, secretKey)
    const Principal = { AWS: [accessKey] }
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
    const Statement = [
      { Effect: 'Allow', Principal, Resource, Action: 's3:*' },
      { Effect: 'Deny', Principal, Resource: Resource[1], Action: 's3:AbortMultipartUpload' },
    ]
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement })
    const root = clientOf(server, server)
    await root.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }))
    const repo = ['--repo', `s3://${bucket}?endpoint=${server.endpoint}`]
    const weak = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey }
    const { stdout } = await expectExit(0, ['probe', ...repo], { env: weak })
    assert.match(stdout, /^Suitable /m)
    assert.match(stdout, /^remove failed uploads +no +no +Parts of uploads that fail stay/m)
    assert.match(stdout, /^ {2}remove failed uploads: .*could not be removed$/m)
    assert.match(stdout, /s3:AbortMultipartUpload.*a rule that removes unfinished ones/)
    const listed = await root.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
    assert.ok((listed.Uploads ?? []).length > 0, 'they are there')
    root.destroy()
    const strong = await expectExit(0, ['probe', ...repo], { env })
    assert.match(strong.stdout, /^remove failed uploads +no +yes +What an upload that fails has sent/m)
  })

  test('says what is wrong with accounts, buckets and addresses', async () => {
    const repo = `s3://${await freshBucket()}?endpoint=${server.endpoint}`
    const wrong = { ...env, AWS_SECRET_ACCESS_KEY: 'canary/zQ7' }
    const denied = await expectExit(8, ['probe', '--repo', repo], { env: wrong })
    assert.match(denied.stdout, /^create objects +yes +no /m)
    assert.doesNotMatch(denied.stdout + denied.stderr, /zQ7/)
    assert.doesNotMatch(denied.stdout, /could not be deleted/)
    const absent = await expectExit(2, ['probe', '--repo', `s3://absent?endpoint=${server.endpoint}`], {
      env,
    })
    assert.match(absent.stderr, /there is no such bucket/)
    const away = await expectExit(7, ['probe', '--repo', 's3://any?endpoint=http://127.0.0.1:1'], { env })
    assert.doesNotMatch(away.stderr, /could not be deleted/)
  })

  test('removes its objects when it is interrupted, and names those that stay', async () => {
    const bucket = await freshBucket()
    await using proxy = await openLossyProxy(server.endpoint)
    const args = ['probe', '--repo', `s3://${bucket}?endpoint=${proxy.endpoint}`]
    const interruptAt = async (count: number, mayDelete: boolean) => {
      const before = proxy.seen.length
      const program = startProgram(args, { env })
      proxy.decide = (method, _, seen) => {
        if (seen - before === count) program.child.kill('SIGINT')
        return method === 'DELETE' && !mayDelete ? { refuse: 403, body: errorXml('AccessDenied') } : 'pass'
      }
      const end = await program.ended
      assertExit(end, 130)
      return end
    }
    await interruptAt(30, true)
    assert.deepEqual(await keysIn(bucket), [])
    const end = await interruptAt(30, false)
    const left = await keysIn(bucket)
    assert.ok(left.length > 0)
    for (const key of left) assert.ok(end.stderr.includes(key), key)
  })
})
