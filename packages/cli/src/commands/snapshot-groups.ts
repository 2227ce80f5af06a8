import { commitGroups } from '@kafka-backup/core/backup'
import { requireBackupId, requireCluster } from '@kafka-backup/core/config'
import { beforeWriting } from '../before-writing.ts'
import type { Command } from '../command.ts'
import { assertNewPlace } from '../new-place.ts'
import { openConfiguredCluster } from '../open-configured-cluster.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { groupCommitDocument, groupCommitText } from '../render/groups-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'

const INCOMPLETE = 3

/** What `kafka-backup snapshot-groups` does. */
export const snapshotGroupsCommand: Command = {
  async run(context) {
    const { loaded, clock, random, signal } = context
    const { config } = loaded
    const source = requireCluster(config, 'source')
    const backupId = requireBackupId(config)
    const opened = await beforeWriting(async () => openMeteredStorage(context))
    const { storage, usage } = opened
    const { bootstrapServers } = source
    const cluster = openConfiguredCluster(source)
    try {
      const place = { storage, backupId, bootstrapServers, program: PROGRAM }
      const isNew = { assertNewPlace: () => beforeWriting(() => assertNewPlace(opened, signal)) }
      const report = await commitGroups({ ...place, ...isNew, cluster, clock, random, signal })
      const isWhole = report.unread.length + report.silentBrokers.length === 0
      return {
        document: { ...groupCommitDocument(report), storage: storageDocument(usage()) },
        text: [groupCommitText(report), storageText(usage())].join('\n'),
        exitCode: isWhole ? 0 : INCOMPLETE,
      }
    } finally {
      await cluster.close()
      await storage.close()
    }
  },
}
