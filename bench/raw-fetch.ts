import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { openBrokerLink } from '../packages/core/src/kafka/broker-connections.ts'
import { openCluster } from '../packages/core/src/kafka/client-cluster.ts'
import { fetchBatches, fetchVersion } from '../packages/core/src/kafka/fetch-api.ts'
import { ResponseBuffers } from '../packages/core/src/kafka/response-buffers.ts'
import { BatchCursor, verifyCrc } from '../packages/core/src/protocol/record-batch.ts'

// The limit of the source: fetch every batch, check its CRC, throw it away. Two connections, next request in flight. With a
// folder as third argument the bytes are also written to a file for each partition and made durable: the limit of the disk.
const [bootstrap = '', topic = '', folder] = process.argv.slice(2)
const FETCH_MAX_BYTES = 8 * 1024 * 1024
const CONNECTIONS = 2

interface Position {
  readonly partition: number
  offset: bigint
  readonly end: bigint
}

const cluster = openCluster({ bootstrapServers: [bootstrap], clientId: 'raw-fetch' })
const description = await cluster.describe([topic])
const partitions = (description.topics[0]?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
const ends = await cluster.listOffsets('last_stable', partitions)
const starts = await cluster.listOffsets('log_start', partitions)
const [address] = description.brokers.values()
const buffers = new ResponseBuffers(FETCH_MAX_BYTES + 256 * 1024, 3 * CONNECTIONS)
const files = new Map<number, FileHandle>()
if (folder !== undefined) {
  for (const { partition } of partitions)
    files.set(partition, await open(join(folder, `raw-${partition}`), 'w'))
}
let bytes = 0
let records = 0
const beganMs = performance.now()
await Promise.all(Array.from({ length: CONNECTIONS }, (_, lane) => drain(lane)))
await Promise.all([...files.values()].map((file) => file.datasync()))
const durationMs = performance.now() - beganMs
for (const file of files.values()) await file.close()
await cluster.close()
console.log(JSON.stringify({ raw_bytes: bytes, records, duration_ms: durationMs }))

async function drain(lane: number): Promise<void> {
  let live: Position[] = partitions
    .filter(({ partition }) => partition % CONNECTIONS === lane)
    .map(({ partition }) => ({
      partition,
      offset: starts.get(`${topic}/${partition}`) ?? 0n,
      end: ends.get(`${topic}/${partition}`) ?? 0n,
    }))
  if (live.length === 0) return
  const link = await openBrokerLink(address, { clientId: 'raw-fetch', buffers })
  const version = fetchVersion(link.versions, [{ topicId: null }], link.connection.broker)
  const cursor = new BatchCursor()
  const send = () =>
    fetchBatches(link.connection, version, {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: FETCH_MAX_BYTES,
      isReadCommitted: true,
      rackId: '',
      partitions: live.map(({ partition, offset }) => ({
        topic,
        topicId: null,
        partition,
        fetchOffset: offset,
        leaderEpoch: -1,
        lastFetchedEpoch: -1,
        partitionMaxBytes: Math.floor(FETCH_MAX_BYTES / live.length),
      })),
    })
  for (let fetching = send(); ; ) {
    const response = await fetching
    const writes: Promise<unknown>[] = []
    for (const fetched of response.partitions) {
      const position = live.find((entry) => entry.partition === fetched.partition)
      if (!position) continue
      for (cursor.reset(response.buffer, fetched.begin, fetched.end); cursor.next(); ) {
        verifyCrc(cursor)
        bytes += cursor.byteLength
        records += cursor.recordCount
        position.offset = cursor.lastOffset + 1n
      }
      const file = files.get(fetched.partition)
      if (file) writes.push(file.write(response.buffer, fetched.begin, cursor.position - fetched.begin))
    }
    live = live.filter((entry) => entry.offset < entry.end)
    if (live.length > 0) fetching = send()
    await Promise.all(writes)
    response.release()
    if (live.length === 0) break
  }
  link.connection.close()
}
