import type { AclEntry, BackupState, ClusterDocument, QuotaEntry, Section } from '@kafka-backup/core'
import { aclFields, NO_AUTHORIZER, NO_ENTRIES, quotaFields } from '@kafka-backup/core/repository'
import { shownName } from './shown-name.ts'
import { type Column, renderTable } from './table.ts'
import { capturedDocument, capturedText, type ShownSettings } from './topic-settings-text.ts'
import { formatTime } from './units.ts'

/** A cluster as of a commit: its artifact and that of its topics; null: no run has captured it. */
export interface ShownCluster {
  readonly state: BackupState
  readonly cluster: ClusterDocument | null
  readonly topics: ShownSettings
}

/** What `describe --cluster` prints. */
export function clusterText({ state, cluster, topics }: ShownCluster): string {
  const asOf = `of backup ${state.backupId} as of commit ${state.tip?.number ?? 0n}`
  if (!cluster) return [`No run has described the cluster ${asOf}`, ...topicLines(topics)].join('\n')
  const { features, acls, quotas, scramUsers, readAtMs } = cluster
  const since = readAtMs
  return [
    `Cluster ${asOf}`,
    `  cluster  ${cluster.clusterId}`,
    `  read     ${formatTime(readAtMs)}`,
    '',
    renderTable(
      [{ title: 'broker', isNumeric: true }, { title: 'address' }, { title: 'rack' }],
      cluster.brokers.map(({ id, host, port, rack }) => [
        String(id),
        `${shownName(host)}:${port}`,
        rack === null ? '–' : shownName(rack),
      ]),
    ),
    ...sectionLines('Features', features, since, {
      columns: [{ title: 'feature' }, { title: 'level', isNumeric: true }],
      rowOf: ({ name, level }) => [shownName(name), String(level)],
    }),
    ...sectionLines('ACLs', acls, since, {
      columns: ['permission', 'operation', 'resource', 'name', 'pattern', 'principal', 'host'].map(
        (title) => ({
          title,
        }),
      ),
      rowOf: aclCells,
    }),
    ...sectionLines('Client quotas', quotas, since, {
      columns: [{ title: 'quota of' }, { title: 'what' }, { title: 'value', isNumeric: true }],
      rowOf: ({ entity, key, value }) => [entityText(entity), shownName(key), value],
    }),
    ...sectionLines('SCRAM users', scramUsers, since, {
      columns: [{ title: 'scram user' }, { title: 'mechanism' }, { title: 'iterations', isNumeric: true }],
      rowOf: ({ user, mechanism, iterations }) => [shownName(user), mechanism, String(iterations)],
    }),
    ...(scramUsers.entries?.length
      ? ['No cluster gives out secrets: each of these users needs a new one elsewhere.']
      : []),
    ...topicLines(topics),
  ].join('\n')
}

interface SectionLayout<Entry> {
  readonly columns: readonly Column[]
  readonly rowOf: (entry: Entry) => readonly string[]
}

function sectionLines<Entry>(
  title: string,
  section: Section<Entry>,
  documentReadAtMs: bigint,
  { columns, rowOf }: SectionLayout<Entry>,
): string[] {
  const entries = section.entries ?? []
  const note = sectionNote(title, section, documentReadAtMs)
  const body = entries.length > 0 ? [renderTable(columns, entries.map(rowOf))] : []
  if (body.length === 0 && note === null) return ['', `${title}: none`]
  return ['', ...body, ...(note === null ? [] : [note])]
}

/** Why a section is not what the cluster has now; null: it is. */
export function sectionNote(
  title: string,
  { entries, unread, readAtMs }: Section<unknown>,
  documentReadAtMs: bigint,
): string | null {
  if (unread === null) return null
  const shown = entries?.length ? `; shown as of ${formatTime(readAtMs ?? documentReadAtMs)}` : ''
  if (unread === NO_ENTRIES) return `${title}: the cluster answered with none${shown}`
  if (unread === NO_AUTHORIZER) return `${title}: the cluster has no authorizer${shown}`
  return `${title} not read: ${unread}${shown}`
}

function aclCells(acl: AclEntry): string[] {
  return [
    acl.permission,
    acl.operation,
    acl.resourceType,
    shownName(acl.resource),
    acl.pattern,
    shownName(acl.principal),
    shownName(acl.host),
  ]
}

/** `user alice, client-id app` */
export function entityText(entity: QuotaEntry['entity']): string {
  return entity
    .map(({ type, name }) => `${shownName(type)} ${name === null ? '(default)' : shownName(name)}`)
    .join(', ')
}

/** One line: `ALLOW READ on TOPIC orders (LITERAL) to User:alice from *` */
export function aclText(acl: AclEntry): string {
  const [permission, operation, type, name, pattern, principal, host] = aclCells(acl)
  return `${permission} ${operation} on ${type} ${name} (${pattern}) to ${principal} from ${host}`
}

function topicLines(topics: ShownSettings): string[] {
  if (!topics) return ['', 'Topics: not captured']
  if ('damage' in topics) return ['', `Topics: ${topics.damage}`]
  const rows = topics.topics.map(({ name, partitions, replicationFactor }) => {
    return [name, String(partitions), String(replicationFactor)]
  })
  const columns = [
    { title: 'topic' },
    { title: 'partitions', isNumeric: true },
    { title: 'replicas', isNumeric: true },
  ]
  return ['', renderTable(columns, rows), ...capturedText(topics)]
}

/** The same for programs. */
export function clusterDocument({ state, cluster, topics }: ShownCluster) {
  const sectionOf = <Entry>(section: Section<Entry> | undefined, fieldsOf: (entry: Entry) => unknown) => ({
    entries: section?.entries?.map(fieldsOf) ?? null,
    unread: section ? section.unread : 'NOT_CAPTURED',
    read_at: section?.entries && cluster ? formatTime(section.readAtMs ?? cluster.readAtMs) : null,
  })
  return {
    kind: 'cluster_description',
    version: 1,
    backup_id: state.backupId,
    commit: state.tip?.number ?? 0n,
    cluster_id: cluster?.clusterId ?? null,
    read_at: cluster && formatTime(cluster.readAtMs),
    brokers: cluster?.brokers.map(({ id, host, port, rack }) => ({ id, host, port, rack })) ?? null,
    finalized_features: sectionOf(cluster?.features, ({ name, level }) => ({ name, level })),
    acls: sectionOf(cluster?.acls, aclFields),
    quotas: sectionOf(cluster?.quotas, quotaFields),
    scram_users: sectionOf(cluster?.scramUsers, ({ user, mechanism, iterations }) => {
      return { user, mechanism, iterations }
    }),
    topic_settings: capturedDocument(topics),
  }
}
