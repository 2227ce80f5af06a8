import { missingGcsServer, startGcsServer } from '@kafka-backup/testkit'
import { describeProgramOnStore } from './store-suite.ts'

const BUCKET = 'kafka-backups'
const PREFIX = 'cluster-prod'

describeProgramOnStore('Google Cloud Storage', missingGcsServer(), async () => {
  const server = await startGcsServer()
  await server.createBucket(BUCKET)
  const { endpoint } = server
  const repo = `gs://${BUCKET}/${PREFIX}?endpoint=${endpoint}`
  return {
    repo,
    absentRepo: repo.replace(BUCKET, 'absent-bucket'),
    absentSays: /there is no such bucket/,
    env: {},
    // It must not lead anywhere else.
    otherEnv: { STORAGE_EMULATOR_HOST: 'http://127.0.0.1:1' },
    fileLines: ['backend: gcs', `endpoint: "${endpoint}"`, `bucket: ${BUCKET}`, `prefix: ${PREFIX}`],
    fileEnv: {},
    // This server checks no credentials.
    wrongEnv: undefined,
    secretFlag: '--private-key',
    secrets: [],
    close: () => server.close(),
  }
})
