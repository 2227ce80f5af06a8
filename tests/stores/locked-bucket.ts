import {
  CreateBucketCommand,
  PutBucketPolicyCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import type { S3Server } from '@kafka-backup/testkit'

/** An account that may write and never delete, with the rights that docs/providers.md lists and an explicit refusal besides. */
export interface WriteOnlyAccount {
  readonly accessKey: string
  readonly secretKey: string
}

/** A client of the SDK itself, for what the program never does. */
export function clientOf(server: S3Server, account: WriteOnlyAccount): S3Client {
  return new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: account.accessKey, secretAccessKey: account.secretKey },
  })
}

/** A bucket with object lock, where every new object is locked for a day, and an account that may write below `prefix`. */
export async function makeLockedBucket(
  server: S3Server,
  place: { readonly bucket: string; readonly prefix: string },
): Promise<WriteOnlyAccount> {
  const { bucket, prefix } = place
  const account = { accessKey: 'write-only', secretKey: 'secret-of-write-only' }
  await server.createUser(account.accessKey, account.secretKey)
  const root = clientOf(server, server)
  await root.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
  await root.send(
    new PutObjectLockConfigurationCommand({
      Bucket: bucket,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 1 } },
      },
    }),
  )
  const Principal = { AWS: [account.accessKey] }
  const policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal,
        Action: ['s3:PutObject', 's3:GetObject', 's3:AbortMultipartUpload'],
        Resource: `arn:aws:s3:::${bucket}/${prefix}/*`,
      },
      {
        Effect: 'Allow',
        Principal,
        Action: 's3:ListBucket',
        Resource: `arn:aws:s3:::${bucket}`,
        Condition: { StringLike: { 's3:prefix': [`${prefix}/*`, prefix] } },
      },
      {
        Effect: 'Deny',
        Principal,
        Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
        Resource: `arn:aws:s3:::${bucket}/*`,
      },
    ],
  }
  await root.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }))
  root.destroy()
  return account
}
