import assert from 'node:assert/strict'
import dns from 'node:dns'
import { after, before, describe, it } from 'node:test'
import { CreateBucketCommand, PutObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { openLossyProxy } from './lossy-proxy.ts'
import { freshBucket, keysOf, openBucket } from './s3-subject.ts'

const DOMAIN = 'localhost'

describe('a bucket of S3', { skip: missingS3Server() }, () => {
  let server: S3Server
  const { lookup } = dns

  before(async () => {
    server = await startS3Server({ virtualDomain: DOMAIN })
    // Not every machine knows the names below it.
    const ours = (name: string, ...rest: unknown[]) =>
      Reflect.apply(lookup, dns, [name.endsWith(`.${DOMAIN}`) ? '127.0.0.1' : name, ...rest])
    dns.lookup = ours as typeof dns.lookup
  })
  after(async () => {
    dns.lookup = lookup
    await server?.close()
  })

  for (const { query, isInPath } of [
    { query: '', isInPath: true },
    { query: '&path_style=true', isInPath: true },
    { query: '&path_style=false', isInPath: false },
  ]) {
    it(`is part of the ${isInPath ? 'path' : 'name of the server'} with an endpoint${query.replace('&', ' and ')}`, async () => {
      await using proxy = await openLossyProxy(server.endpoint)
      const hosts = new Set<unknown>()
      proxy.prepare = async ({ headers }) => void hosts.add(headers.host?.split(':')[0])
      const bucket = await freshBucket(server)
      const endpoint = proxy.endpoint.replace('127.0.0.1', DOMAIN)
      const backend = openS3(new URL(`s3://${bucket}?endpoint=${endpoint}${query}`), keysOf(server))
      await backend.put('folder/small', Buffer.from('x'))
      assert.equal((await backend.read('folder/small', 10)).toString(), 'x')
      assert.deepEqual(await backend.listFolders(''), ['folder'])
      await backend.close()
      assert.deepEqual([...hosts], [isInPath ? DOMAIN : `${bucket}.${DOMAIN}`])
      assert.ok(
        proxy.seen.every((line) => line.includes(` /${bucket}`) === isInPath),
        proxy.seen.join('\n'),
      )
      const direct = openBucket(server, bucket)
      assert.equal((await direct.read('folder/small', 10)).toString(), 'x', 'it is the same bucket')
      await direct.close()
    })
  }

  for (const { retention, text } of [
    { retention: { Mode: 'COMPLIANCE', Days: 1 }, text: 'COMPLIANCE, 1 day' },
    { retention: { Mode: 'GOVERNANCE', Days: 30 }, text: 'GOVERNANCE, 30 days' },
    { retention: { Mode: 'COMPLIANCE', Years: 1 }, text: 'COMPLIANCE, 1 year' },
    { retention: { Mode: 'GOVERNANCE', Years: 7 }, text: 'GOVERNANCE, 7 years' },
  ] as const) {
    it(`says that it keeps every new object for ${text}`, async () => {
      const bucket = `locked-${text.replaceAll(/\W+/g, '-').toLowerCase()}`
      const client = new S3Client({
        endpoint: server.endpoint,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
      })
      const ObjectLockConfiguration = {
        ObjectLockEnabled: 'Enabled' as const,
        Rule: { DefaultRetention: retention },
      }
      await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
      await client.send(new PutObjectLockConfigurationCommand({ Bucket: bucket, ObjectLockConfiguration }))
      client.destroy()
      const backend = openBucket(server, bucket)
      const facts = await backend.inspectPlace?.()
      await backend.close()
      assert.deepEqual([facts?.objectLock, facts?.defaultRetention], ['on', text])
    })
  }
})
