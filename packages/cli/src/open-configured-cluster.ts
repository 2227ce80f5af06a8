import type { Cluster, ClusterSettings } from '@kafka-backup/core'
import { openCluster } from '@kafka-backup/core/kafka'
import { CLIENT_ID } from './program-name.ts'

/** The cluster that the settings name, as this program. Connects when it is asked first. */
export function openConfiguredCluster({ bootstrapServers, security }: ClusterSettings): Cluster {
  return openCluster({ bootstrapServers, clientId: CLIENT_ID, ...(security ? { security } : {}) })
}
