import { ContainerClient, ContainerSASPermissions, StorageSharedKeyCredential } from '@azure/storage-blob'
import { startAzureServer } from '@kafka-backup/testkit'
import { describeProgramOnStore, fromEnv } from './store-suite.ts'

const CONTAINER = 'kafka-backups'
const PREFIX = 'cluster-prod'
const HOUR_MS = 60 * 60_000

describeProgramOnStore('Azure Blob Storage', false, async () => {
  const server = await startAzureServer()
  const { endpoint, account, accountKey } = server
  const credential = new StorageSharedKeyCredential(account, accountKey)
  const container = new ContainerClient(`${endpoint}/${CONTAINER}`, credential)
  await container.create()
  const tokenFor = async (permissions: string): Promise<string> => {
    const address = await container.generateSasUrl({
      permissions: ContainerSASPermissions.parse(permissions),
      expiresOn: new Date(Date.now() + HOUR_MS),
    })
    return new URL(address).search
  }
  // Enough for a restore, which creates its ledger beside the backup.
  const token = await tokenFor('rcl')
  const repo = `azure://${account}/${CONTAINER}/${PREFIX}?endpoint=${endpoint}`
  return {
    repo,
    absentRepo: repo.replace(CONTAINER, 'absent-container'),
    absentSays: /there is no such container/,
    env: { KAFKA_BACKUP_STORAGE_ACCOUNT_KEY: accountKey },
    otherEnv: { KAFKA_BACKUP_STORAGE_SAS_TOKEN: token },
    writerEnv: { KAFKA_BACKUP_STORAGE_SAS_TOKEN: await tokenFor('rcwl') },
    fileLines: [
      'backend: azure',
      `endpoint: "${endpoint}"`,
      `account_name: ${account}`,
      `container_name: ${CONTAINER}`,
      `prefix: ${PREFIX}`,
      `account_key: ${fromEnv('AZURE_KEY')}`,
    ],
    fileEnv: { AZURE_KEY: accountKey },
    wrongEnv: { KAFKA_BACKUP_STORAGE_ACCOUNT_KEY: Buffer.from('canary/zQ7').toString('base64') },
    secretFlag: '--account-key',
    secrets: [accountKey, new URLSearchParams(token).get('sig') ?? token],
    close: () => server.close(),
  }
})
