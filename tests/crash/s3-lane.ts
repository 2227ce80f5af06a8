import { join } from 'node:path'
import { type KafkaCluster, openFaultProxy, openKafkaProxy, type S3Server } from '@kafka-backup/testkit'
import { Secret } from '../../packages/core/src/runtime/secret.ts'
import { openS3 } from '../../packages/core/src/storage/s3/location.ts'
import type { RunningProgram } from '../harness/run-program.ts'
import { type CrashLane, type CrashPoint, kindOfKey } from './crash-point.ts'

const BUCKET = 'crash-points'
const PREFIX = 'p'

/** Where a run dies, and what it asked for until now. */
interface Aim {
  readonly backupId: string
  readonly point: CrashPoint | null
  readonly edges: Readonly<Record<CrashPoint['when'], string[]>>
  program: RunningProgram | undefined
}

/** Makes the bucket that all lanes use. */
export function createPointBucket(server: S3Server): Promise<void> {
  return server.createBucket(BUCKET)
}

/** One repository in a bucket, behind a proxy. Runs die at requests, before the store gets them or when it has carried them out. */
export async function openS3Lane(cluster: KafkaCluster, server: S3Server): Promise<CrashLane> {
  let aim: Aim | undefined
  const pass = async (when: CrashPoint['when'], method: string, path: string): Promise<void> => {
    const current = aim
    if (!current) return
    const kind = kindOfRequest(method, path, current.backupId)
    current.edges[when].push(kind)
    const { point, program } = current
    if (point?.when !== when || point.kind !== kind) return
    if (current.edges[when].filter((passed) => passed === kind).length !== point.at) return
    program?.child.kill('SIGKILL')
    await program?.ended
    throw new Error('the client is dead')
  }
  const proxy = await openFaultProxy({
    ...{ target: server.endpoint, seed: 1, probability: 0, stallMs: 0 },
    beforeRequest: (method, path) => pass('before', method, path),
    afterRequest: (method, path) => pass('after', method, path),
  })
  const kafka = await openKafkaProxy(cluster)
  const { accessKey, secretKey } = server
  const keys = { KAFKA_BACKUP_STORAGE_ACCESS_KEY: accessKey, KAFKA_BACKUP_STORAGE_SECRET_KEY: secretKey }
  return {
    kafka,
    archive: (backupId) => ({ folder: join(server.rootFolder, BUCKET, PREFIX), backupId }),
    place: () => ({ args: ['--repo', `s3://${BUCKET}/${PREFIX}?endpoint=${proxy.endpoint}`], env: keys }),
    aim({ backupId }, point) {
      const current: Aim = { backupId, point, edges: { before: [], after: [] }, program: undefined }
      aim = current
      return {
        env: {},
        watch(program) {
          current.program = program
        },
        async end() {
          aim = undefined
          return current.edges
        },
      }
    },
    openStorage() {
      const credentials = new Map([
        ['access_key', new Secret(accessKey)],
        ['secret_key', new Secret(secretKey)],
      ] as const)
      return openS3(new URL(`s3://${BUCKET}/${PREFIX}?endpoint=${server.endpoint}`), credentials)
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await kafka[Symbol.asyncDispose]()
    },
  }
}

/** Such as `PUT commits`, or `POST topics (complete)`. */
function kindOfRequest(method: string, target: string, backupId: string): string {
  const { pathname, searchParams: query } = new URL(target, 'http://store')
  const listed = query.get('prefix')
  const key = (listed ?? decodeURIComponent(pathname).replace(`/${BUCKET}/`, '')).replace(`${PREFIX}/`, '')
  const kind = kindOfKey(key, backupId)
  if (listed !== null) return `list ${kind}`
  if (query.has('uploads')) return `${method} ${kind} (begin upload)`
  if (query.has('partNumber')) return `${method} ${kind} (part)`
  return query.has('uploadId') ? `${method} ${kind} (upload)` : `${method} ${kind}`
}
