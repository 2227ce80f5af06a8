import type { S3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { type LossyProxy, openLossyProxy } from '../storage/lossy-proxy.ts'
import { openBucket } from '../storage/s3-subject.ts'

/**
 * A store that ignores `If-None-Match`, as old ones do: it answers 200 and overwrites. The header is signed and cannot be taken
 * away, so what is in the way is. `methods`: PUT for whole objects, POST for the end of an upload.
 */
export async function openForgetfulStore(
  server: S3Server,
  bucket: string,
  methods: readonly string[],
): Promise<LossyProxy> {
  const proxy = await openLossyProxy(server.endpoint)
  const direct = openBucket(server, bucket)
  proxy.prepare = async ({ method = '', url = '', headers }) => {
    if (headers['if-none-match'] === undefined || !methods.includes(method)) return
    await direct.delete(decodeURIComponent(new URL(url, server.endpoint).pathname.slice(bucket.length + 2)))
  }
  return proxy
}
