// Started by abandoned-s3-server.test.ts: owns an S3 server and never closes it.
import { startS3Server } from '../src/index.ts'

const { endpoint, rootFolder } = await startS3Server()
process.stdout.write(`${JSON.stringify({ endpoint, rootFolder })}\n`)
setInterval(() => {}, 60_000)
