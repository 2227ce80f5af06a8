import { z } from 'zod'
import { byAcl, byQuota, byScramUser } from '../kafka/cluster-administration.ts'
import type {
  AclEntry,
  BrokerPlace,
  FinalizedFeature,
  QuotaEntry,
  ScramUser,
} from '../kafka/cluster-facts.ts'
import {
  type ArtifactHeading,
  headingFields,
  headingOf,
  openArtifact,
  sealArtifact,
} from './artifact-document.ts'
import { canonicalJson, type JsonValue, sha256Hex } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { decimalString } from './document-fields.ts'
import type { CapturedTopic } from './topics-document.ts'

/** The kind of artifact whose document this is. */
export const CLUSTER_KIND = 'cluster'
/** Reason of a section that had entries, and was answered with none. */
export const NO_ENTRIES = 'NO_ENTRIES'
/** Of ACLs in a cluster that has no authorizer: there is none, and nothing could be read. */
export const NO_AUTHORIZER = 'SECURITY_DISABLED'

/** What is known of one part of a cluster, and since when; see docs/format/artifacts.md. */
export interface Section<Entry> {
  /** null: they could never be read. */
  readonly entries: readonly Entry[] | null
  /** Why they could not be read this time; null: they were. */
  readonly unread: string | null
  /** When an earlier run read them, in milliseconds; null: `readAtMs` of the document. */
  readonly readAtMs: bigint | null
}

/** What a section is named by in a document, and what its entries are. */
export interface ClusterSections {
  readonly features: Section<FinalizedFeature>
  readonly acls: Section<AclEntry>
  readonly quotas: Section<QuotaEntry>
  readonly scramUsers: Section<ScramUser>
}

/** A cluster beside its topics and groups. */
export interface ClusterDocument extends ArtifactHeading, ClusterSections {
  /** Ascending by id. */
  readonly brokers: readonly BrokerPlace[]
}

/** A cluster as two of them are compared: as a run saw it, or as it is now. */
export interface ClusterView extends ClusterSections {
  readonly clusterId: string
  readonly brokers: readonly BrokerPlace[]
  /** Those that the backup reads; null: no run captured them. */
  readonly topics: readonly CapturedTopic[] | null
}

const FORMAT = 'kafka-backup-cluster'
const INT32_MAX = 2_147_483_647

const text = z.string()
/** Kafka's own names, such as `ALLOW`: nothing that commands a terminal. */
const word = z.string().regex(/^[ -~]+$/)
const int32 = z.number().int().min(-INT32_MAX).max(INT32_MAX)

const brokerSchema = z.object({ id: int32, host: text, port: int32, rack: text.nullable() })
const featureSchema = z.object({ name: text, level: int32 })
const aclSchema = z
  .object({
    resource_type: word,
    resource: text,
    pattern: word,
    principal: text,
    host: text,
    operation: word,
    permission: word,
  })
  .transform(({ resource_type: resourceType, ...rest }): AclEntry => ({ resourceType, ...rest }))
const quotaSchema = z.object({
  entity: listOf(z.object({ type: word, name: text.nullable() })),
  key: word,
  value: z.string().refine((value) => String(Number(value)) === value, 'not a number'),
})
const scramSchema = z.object({ user: text, mechanism: word, iterations: int32 })

const schema = z
  .object({
    format: z.literal(FORMAT),
    ...headingFields,
    brokers: listOf(brokerSchema).refine((own) => isAscending(own, (a, b) => a.id - b.id), 'out of order'),
    finalized_features: sectionOf(featureSchema, (a, b) =>
      a.name < b.name ? -1 : Number(a.name !== b.name),
    ),
    acls: sectionOf(aclSchema, byAcl),
    quotas: sectionOf(quotaSchema, byQuota),
    scram_users: sectionOf(scramSchema, byScramUser),
  })
  .transform(
    (fields): ClusterDocument => ({
      ...headingOf(fields),
      brokers: fields.brokers,
      features: fields.finalized_features,
      acls: fields.acls,
      quotas: fields.quotas,
      scramUsers: fields.scram_users,
    }),
  )

function sectionOf<Entry extends z.ZodType>(
  entry: Entry,
  compare: (a: z.output<Entry>, b: z.output<Entry>) => number,
) {
  return z
    .object({
      entries: listOf(entry)
        .refine((entries) => isAscending(entries, compare), 'out of order')
        .nullable(),
      unread: word.optional(),
      read_at: decimalString.optional(),
    })
    .refine(({ entries, unread }) => entries !== null || unread !== undefined, 'neither read nor unread')
    .transform(
      ({ entries, unread, read_at }): Section<z.output<Entry>> => ({
        entries,
        unread: unread ?? null,
        readAtMs: read_at ?? null,
      }),
    )
}

/** True when a section was not told, neither that it has entries nor that it has none. */
export function isSectionUnread({ unread }: Pick<Section<unknown>, 'unread'>): boolean {
  return unread !== null && unread !== NO_ENTRIES && unread !== NO_AUTHORIZER
}

export function encodeCluster(document: ClusterDocument): Buffer {
  return sealArtifact(FORMAT, document, contentOf(document, true))
}

/** The same for two documents that say the same: all but who read it, and when. */
export function clusterDigest(document: Omit<ClusterDocument, 'backupId' | 'writer' | 'readAtMs'>): string {
  return sha256Hex(canonicalJson([document.clusterId, contentOf(document, false)]))
}

/** @throws KB_FORMAT_UNSUPPORTED for a newer version or an unknown feature, KB_VALIDATION_FAILED with the reason */
export function decodeCluster(bytes: Uint8Array): ClusterDocument {
  return openArtifact(bytes, { format: FORMAT, what: 'the cluster' }, (parsed) => schema.parse(parsed))
}

function contentOf(
  { brokers, features, acls, quotas, scramUsers }: Pick<ClusterDocument, 'brokers' | keyof ClusterSections>,
  withTimes: boolean,
) {
  const sectionFields = <Entry>(
    { entries, unread, readAtMs }: Section<Entry>,
    fieldsOf: (entry: Entry) => JsonValue,
  ) => ({
    entries: entries?.map(fieldsOf) ?? null,
    unread: unread ?? undefined,
    read_at: withTimes && readAtMs !== null ? readAtMs.toString() : undefined,
  })
  return {
    brokers: brokers.map(({ id, host, port, rack }) => ({ id, host, port, rack })),
    finalized_features: sectionFields(features, ({ name, level }) => ({ name, level })),
    acls: sectionFields(acls, aclFields),
    quotas: sectionFields(quotas, quotaFields),
    scram_users: sectionFields(scramUsers, ({ user, mechanism, iterations }) => {
      return { user, mechanism, iterations }
    }),
  }
}

/** An ACL as documents have it. */
export function aclFields({
  resourceType,
  resource,
  pattern,
  principal,
  host,
  operation,
  permission,
}: AclEntry) {
  return { resource_type: resourceType, resource, pattern, principal, host, operation, permission }
}

/** A value of a quota as documents have it. */
export function quotaFields({ entity, key, value }: QuotaEntry) {
  return { entity: entity.map(({ type, name }) => ({ type, name })), key, value }
}

function isAscending<T>(entries: readonly T[], compare: (a: T, b: T) => number): boolean {
  return entries.every((entry, at) => at === 0 || compare(entries[at - 1] as T, entry) < 0)
}
