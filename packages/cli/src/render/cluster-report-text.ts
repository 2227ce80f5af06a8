import type { ClusterReport, UnreadSection } from '@kafka-backup/core'

const TITLES: Readonly<Record<UnreadSection['section'], string>> = {
  features: 'Features',
  acls: 'ACLs',
  quotas: 'Client quotas',
  scramUsers: 'SCRAM users',
}
/** What an account lacks that may not read a section. */
const RIGHTS: Readonly<Record<UnreadSection['section'], string>> = {
  features: 'Describe',
  acls: 'Describe',
  quotas: 'DescribeConfigs',
  scramUsers: 'Describe',
}

/** What a run could not read or store of its cluster; nothing when it could. */
export function clusterReportText({ unread, failure }: Pick<ClusterReport, 'unread' | 'failure'>): string[] {
  if (failure !== null)
    return [`The description of the cluster is not in the backup: ${failure}. Records are not affected.`]
  const byReason = Map.groupBy(unread, ({ reason, section }) => `${reason}${hintOf(reason, section)}`)
  return [...byReason].map(([reason, own]) => {
    return `Not read: ${own.map(({ section }) => TITLES[section]).join(', ')}: ${reason}. Records are not affected.`
  })
}

function hintOf(reason: string, section: UnreadSection['section']): string {
  if (reason !== 'CLUSTER_AUTHORIZATION_FAILED') return ''
  return ` (the account lacks ${RIGHTS[section]} on the cluster)`
}

/** The same for programs. */
export function clusterReportDocument({ brokers, acls, quotas, scramUsers, unread, failure }: ClusterReport) {
  const names = {
    features: 'finalized_features',
    acls: 'acls',
    quotas: 'quotas',
    scramUsers: 'scram_users',
  } as const
  return {
    brokers,
    acls,
    quotas,
    scram_users: scramUsers,
    unread: unread.map(({ section, reason }) => ({ section: names[section], reason })),
    failure,
  }
}
