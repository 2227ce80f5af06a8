import { missingS3Server, startS3Server } from '@kafka-backup/testkit'
import { describeProgramOnStore, fromEnv } from './store-suite.ts'

const BUCKET = 'kafka-backups'
const PREFIX = 'cluster-prod'

describeProgramOnStore('S3', missingS3Server(), async () => {
  const server = await startS3Server()
  await server.createBucket(BUCKET)
  const { endpoint, accessKey, secretKey } = server
  const repo = `s3://${BUCKET}/${PREFIX}?endpoint=${endpoint}`
  const env = { KAFKA_BACKUP_STORAGE_ACCESS_KEY: accessKey, KAFKA_BACKUP_STORAGE_SECRET_KEY: secretKey }
  return {
    repo,
    absentRepo: repo.replace(BUCKET, 'absent-bucket'),
    absentSays: /there is no such bucket/,
    env,
    otherEnv: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey },
    fileLines: [
      'backend: s3',
      `endpoint: "${endpoint}"`,
      `bucket: ${BUCKET}`,
      `prefix: ${PREFIX}`,
      `access_key: ${fromEnv('S3_ACCESS_KEY')}`,
      `secret_key: ${fromEnv('S3_SECRET_KEY')}`,
    ],
    fileEnv: { S3_ACCESS_KEY: accessKey, S3_SECRET_KEY: secretKey },
    wrongEnv: { ...env, KAFKA_BACKUP_STORAGE_SECRET_KEY: 'canary/zQ7' },
    secretFlag: '--secret-key',
    secrets: [secretKey],
    close: () => server.close(),
  }
})
