import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import {
  collect,
  expectBytes,
  expectCode,
  patternBytes,
} from '../../../testkit/src/conformance/storage-subject.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { KEY } from './foreign-answers-suite.ts'
import { errorXml, openLossyProxy } from './lossy-proxy.ts'
import { countSeen, describeLostAnswers, loseFirst, MIB, stream } from './lost-answers-suite.ts'
import { freshBucket, keysOf, openBucket } from './s3-subject.ts'

describe('S3 when answers are lost', { skip: missingS3Server() }, () => {
  let server: S3Server
  const current = { bucket: '' }

  before(async () => {
    server = await startS3Server()
  })
  after(() => server?.close())

  /** A client of the SDK itself, past the proxy. */
  const clientOf = () =>
    new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    })

  const isEnd = (method: string, path: string): boolean => method === 'POST' && path.includes('uploadId')
  const place = describeLostAnswers(
    {
      isPut: (method) => method === 'PUT',
      isEnd,
      isLook: (method) => method === 'HEAD',
      busy: errorXml('SlowDown'),
      listsBehind: 'start-after',
      doubled: (listing) => listing.replace(/<Contents>.*?<\/Contents>/s, '$&$&'),
    },
    async () => {
      const bucket = await freshBucket(server)
      current.bucket = bucket
      const proxy = await openLossyProxy(server.endpoint)
      const backend = openS3(new URL(`s3://${bucket}?endpoint=${proxy.endpoint}`), keysOf(server))
      const direct = openBucket(server, bucket)
      return { proxy, backend, direct }
    },
  )

  it('takes an error document with status 200 for the error that it is', async () => {
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 9))
    let ends = 0
    place.current.proxy.decide = (method, path) => {
      const isEnd = method === 'POST' && path.includes('uploadId')
      return isEnd && ++ends === 1 ? { refuse: 200, body: errorXml('InternalError') } : 'pass'
    }
    await writer.commit()
    assert.equal(ends, 2)
    assert.equal((await place.current.direct.stat(KEY))?.bytes, 9 * MIB)
  })

  it('begins again when a success names no upload', async () => {
    let begins = 0
    place.current.proxy.decide = (method, path) =>
      method === 'POST' && !path.includes('uploadId') && ++begins === 1 ? { refuse: 200, body: '' } : 'pass'
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 9))
    await writer.commit()
    assert.equal(begins, 2)
    assert.equal((await place.current.direct.stat(KEY))?.bytes, 9 * MIB)
  })

  it('knows its upload again when its end was sent twice, and the second found no upload', async () => {
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 9))
    place.current.proxy.decide = (method, path) =>
      isEnd(method, path) ? { garble: 404, body: errorXml('NoSuchUpload') } : 'pass'
    await writer.commit()
    assert.equal((await place.current.direct.stat(KEY))?.bytes, 9 * MIB)
  })

  it('knows its upload again when a later end is refused, whatever the reason', async () => {
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 9))
    let ends = 0
    let looks = 0
    place.current.proxy.decide = (method, path) => {
      if (method === 'HEAD' && ++looks === 1) return { refuse: 503, body: '' }
      if (!isEnd(method, path)) return 'pass'
      return ++ends === 1 ? 'lose' : { refuse: 403, body: errorXml('AccessDenied') }
    }
    await writer.commit()
    assert.deepEqual([ends, looks], [2, 2])
    assert.equal((await place.current.direct.stat(KEY))?.bytes, 9 * MIB)
  })

  it('speaks of parts that stay only when they do', async () => {
    const left: string[] = []
    const { proxy } = place.current
    const url = new URL(`s3://${current.bucket}?endpoint=${proxy.endpoint}`)
    const backend = openS3(url, keysOf(server), { onLeft: (what) => left.push(what) })
    for (const [code, count] of [
      ['NoSuchUpload', 0],
      ['AccessDenied', 1],
    ] as const) {
      proxy.decide = () => 'pass'
      const writer = await stream(backend, patternBytes(9 * MIB, 9))
      const status = code === 'NoSuchUpload' ? 404 : 403
      proxy.decide = (method) => (method === 'DELETE' ? { refuse: status, body: errorXml(code) } : 'pass')
      await writer.abort()
      assert.equal(left.length, count, code)
    }
    await backend.close()
  })

  it('leaves a connection on which nothing comes any more', async () => {
    const { proxy, direct } = place.current
    await direct.put(KEY, patternBytes(MIB, 3))
    const url = new URL(`s3://${current.bucket}?endpoint=${proxy.endpoint}`)
    const backend = openS3(url, keysOf(server), {}, { silenceTimeoutMs: 100 })
    for (const fate of ['withhold', 'stall'] as const) {
      proxy.decide = () => fate
      const before = performance.now()
      await expectCode(backend.read(KEY, MIB), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.readRange(KEY, { begin: 1, end: MIB }), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.listFolders(''), 'KB_STORAGE_UNAVAILABLE')
      assert.ok(performance.now() - before < 10_000)
    }
    await backend.close()
  })

  it('refuses a listing that says that there is more and not where', async () => {
    const { proxy, backend, direct } = place.current
    await direct.put(KEY, Buffer.from('there'))
    const more = '<IsTruncated>true</IsTruncated>'
    proxy.decide = () => ({
      rewrite: (body) => body.replace(/<IsTruncated>false<\/IsTruncated>/, more),
    })
    await expectCode(backend.listFolders(''), 'KB_STORAGE_UNSUPPORTED')
  })

  it('takes a short answer to a range for a fault of the store, not of the object', async () => {
    const { proxy, backend, direct } = place.current
    await direct.put(KEY, patternBytes(1_000, 3))
    const ranges = [0, 500].map((begin) => ({ begin, end: 1_000 }))
    proxy.decide = (method) => (method === 'GET' ? { rewrite: (body) => body.slice(0, 100) } : 'pass')
    for (const range of ranges) await expectCode(backend.readRange(KEY, range), 'KB_STORAGE_UNSUPPORTED')
    await direct.replace(KEY, patternBytes(600, 3))
    proxy.decide = () => 'pass'
    for (const range of ranges) await expectCode(backend.readRange(KEY, range), 'KB_SEGMENT_CORRUPT')
  })

  it('believes a store that gives its requests no numbers by the documents of its refusals', async () => {
    const { proxy, backend, direct } = place.current
    await direct.put(KEY, Buffer.from('there'))
    const before = proxy.seen.length
    // Of the headers of the answer only the tag stays.
    proxy.decide = () => ({ rewrite: (body) => body })
    assert.equal(await backend.stat('absent'), undefined)
    await expectCode(backend.read('absent', 100), 'KB_OBJECT_NOT_FOUND')
    const methods = proxy.seen.slice(before).map((line) => line.split(' ')[0])
    assert.deepEqual(methods, ['HEAD', 'GET', 'GET'])
    proxy.decide = () => 'pass'
    assert.equal(await backend.stat('absent'), undefined)
    assert.equal(proxy.seen.length, before + 4, 'a store that numbers them is asked once')
  })

  it('does not take an object with its token and another length for its own', async () => {
    let token = ''
    place.current.proxy.prepare = async ({ headers }) => {
      token = String(headers['x-amz-meta-kafka-backup-upload'] ?? token)
    }
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 9))
    const { bucket } = current
    const client = clientOf()
    const Metadata = { 'kafka-backup-upload': token }
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: KEY, Body: 'short', Metadata }))
    client.destroy()
    assert.notEqual(token, '')
    let ends = 0
    place.current.proxy.decide = (method, path) => (isEnd(method, path) && ++ends === 1 ? 'drop' : 'pass')
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
  })

  describe('of the begin of an upload', () => {
    const isBegin = (method: string, path: string): boolean => method === 'POST' && /\?uploads\b/.test(path)
    const isListing = (line: string): boolean => line.startsWith('GET') && /[?&]uploads\b/.test(line)

    async function uploads(): Promise<(string | undefined)[]> {
      const client = clientOf()
      const listed = await client.send(new ListMultipartUploadsCommand({ Bucket: current.bucket }))
      client.destroy()
      return (listed.Uploads ?? []).map(({ Key }) => Key)
    }

    it('removes what the store began without being heard, and nothing of other keys', async () => {
      const { proxy, backend, direct } = place.current
      const other = await direct.openWrite(`${KEY}-2`)
      await other.write([patternBytes(9 * MIB, 1)])
      loseFirst(proxy, isBegin)
      const writer = await stream(backend, patternBytes(9 * MIB, 2))
      assert.deepEqual((await uploads()).toSorted(), [KEY, KEY, `${KEY}-2`])
      let listings = 0
      const hollow = { refuse: 200, body: '' }
      proxy.decide = (method, path) => (isListing(`${method} ${path}`) && ++listings === 1 ? hollow : 'pass')
      await writer.commit()
      assert.deepEqual(await uploads(), [`${KEY}-2`])
      await other.commit()
      assert.equal(listings, 2, 'a success that is none is asked again')
      assert.equal(
        countSeen(proxy, (method) => method === 'DELETE'),
        1,
        'one of another key is not even asked for',
      )
    })

    it('removes what the store began although it says that it failed', async () => {
      const { proxy, backend, direct } = place.current
      const failed = { garble: 500, body: errorXml('InternalError') }
      let begins = 0
      proxy.decide = (method, path) => (isBegin(method, path) && ++begins === 1 ? failed : 'pass')
      const writer = await stream(backend, patternBytes(9 * MIB, 2))
      assert.deepEqual(await uploads(), [KEY, KEY])
      await writer.commit()
      assert.deepEqual(await uploads(), [])
      assert.equal((await direct.stat(KEY))?.bytes, 9 * MIB)
    })

    it('looks for no other upload where every begin was answered or never sent', async () => {
      const { proxy, backend } = place.current
      let begins = 0
      const busy = { refuse: 503, body: errorXml('SlowDown') }
      proxy.decide = (method, path) => (isBegin(method, path) && ++begins === 1 ? busy : 'pass')
      const writer = await stream(backend, patternBytes(9 * MIB, 3))
      await writer.commit()
      assert.equal(begins, 2)
      assert.equal(proxy.seen.filter(isListing).length, 0)
    })

    it('tells another writer of the key whose upload it removes that the key is taken', async () => {
      const { proxy, backend, direct } = place.current
      const [late, later] = [await direct.openWrite(KEY), await direct.openWrite(KEY)]
      for (const other of [late, later]) await other.write([patternBytes(9 * MIB, 4)])
      loseFirst(proxy, isBegin)
      const writer = await stream(backend, patternBytes(9 * MIB, 5))
      await writer.commit()
      await expectCode(late.commit(), 'KB_OBJECT_EXISTS')
      const more = later.write([patternBytes(17 * MIB, 4)])
      await expectCode(
        more.then(() => later.commit()),
        'KB_OBJECT_EXISTS',
      )
      expectBytes(await direct.read(KEY, 9 * MIB), patternBytes(9 * MIB, 5))
      assert.deepEqual(await uploads(), [])
    })

    it('says that it may stay where it may not be looked for, and is done all the same', async () => {
      const { proxy, direct } = place.current
      const left: string[] = []
      const url = new URL(`s3://${current.bucket}?endpoint=${proxy.endpoint}`)
      const backend = openS3(url, keysOf(server), { onLeft: (what) => left.push(what) })
      loseFirst(proxy, isBegin)
      const writer = await stream(backend, patternBytes(9 * MIB, 6))
      proxy.decide = (method, path) =>
        isListing(`${method} ${path}`) ? { refuse: 403, body: errorXml('AccessDenied') } : 'pass'
      await writer.commit()
      assert.deepEqual(left, [`an upload without parts, of ${KEY}, whose begin was not answered`])
      assert.equal((await direct.stat(KEY))?.bytes, 9 * MIB)
      await backend.close()
    })
  })

  it('takes a success that nobody can read for none, and looks whether it was one', async () => {
    const { proxy, backend } = place.current
    const cut = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Contents><Key>a'
    for (const body of ['{"ok":true}', 'ok', cut]) {
      proxy.decide = (method) => (method === 'GET' ? { refuse: 200, body } : 'pass')
      await expectCode(collect(backend.list('')), 'KB_STORAGE_UNAVAILABLE')
    }
    const writer = await stream(backend, patternBytes(9 * MIB, 9))
    let ends = 0
    proxy.decide = (method, path) =>
      isEnd(method, path) && ++ends === 1 ? { garble: 200, body: '<CompleteMultipartUploadRes' } : 'pass'
    await writer.commit()
    assert.equal((await place.current.direct.stat(KEY))?.bytes, 9 * MIB)
  })

  it('leaves no parts behind after abort, nor after a failure', async () => {
    const writer = await stream(place.current.backend, patternBytes(9 * MIB, 10))
    await writer.abort()
    const failed = await stream(place.current.backend, patternBytes(9 * MIB, 11))
    place.current.proxy.decide = (method) =>
      method === 'PUT' ? { refuse: 403, body: errorXml('AccessDenied') } : 'pass'
    await failed.write([patternBytes(9 * MIB, 12)]).catch(() => undefined)
    await expectCode(failed.commit(), 'KB_STORAGE_PERMISSION')
    const begun = place.current.proxy.seen.filter(
      (line) => line.startsWith('POST') && line.includes('uploads'),
    )
    const aborted = place.current.proxy.seen.filter(
      (line) => line.startsWith('DELETE') && line.includes('uploadId'),
    )
    assert.equal(begun.length, 2)
    assert.equal(aborted.length, 2)
  })

  it('gets fresh credentials once when they have expired, and then gives up with a hint', async () => {
    const bucket = await freshBucket(server)
    const ambient = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
    const before = { ...process.env }
    Object.assign(process.env, ambient)
    try {
      const store = openS3(new URL(`s3://${bucket}?endpoint=${place.current.proxy.endpoint}`), new Map())
      let puts = 0
      place.current.proxy.decide = (method) =>
        method === 'PUT' && ++puts === 1 ? { refuse: 400, body: errorXml('ExpiredToken') } : 'pass'
      await store.put(KEY, Buffer.from('x'))
      assert.equal(puts, 2)
      let heads = 0
      place.current.proxy.decide = (method) =>
        method === 'HEAD' && ++heads === 1 ? { refuse: 400, body: errorXml('ExpiredToken') } : 'pass'
      assert.equal((await store.stat(KEY))?.bytes, 1, 'an answer to HEAD has no document')
      // Without a document only HEAD may mean that; anything else is refused for good, and is not asked twice.
      let others = 0
      place.current.proxy.decide = (method) => {
        if (method !== 'HEAD') others++
        return { refuse: 400, body: '' }
      }
      await expectCode(store.stat(KEY), 'KB_STORAGE_PERMISSION')
      await expectCode(store.read(KEY, 10), 'KB_STORAGE_UNSUPPORTED')
      await expectCode(store.put('other', Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
      assert.equal(others, 2)
      place.current.proxy.decide = () => ({ refuse: 400, body: errorXml('ExpiredToken') })
      await expectCode(store.put('other', Buffer.from('x')), 'KB_STORAGE_PERMISSION')
      await store.close()
    } finally {
      for (const name of Object.keys(ambient)) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    }
  })
})
