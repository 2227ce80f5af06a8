import {
  type ClusterDocument,
  type ClusterSections,
  NO_ENTRIES,
  type Section,
} from '../format/cluster-document.ts'
import type { ClusterFacts, Told } from '../kafka/cluster-facts.ts'

/** What a new document says of a cluster: what was told, and what the one before knows where nothing was. Pure. */
export function mergeCluster(
  before: ClusterDocument | null,
  facts: ClusterFacts,
): Omit<ClusterDocument, 'backupId' | 'writer' | 'readAtMs'> {
  const merged = <Name extends keyof ClusterSections>(name: Name) =>
    mergedSection(facts[name] as Told<unknown>, before?.[name] ?? null, before) as ClusterSections[Name]
  return {
    clusterId: facts.clusterId,
    brokers: facts.brokers.length > 0 ? facts.brokers : (before?.brokers ?? []),
    features: merged('features'),
    acls: merged('acls'),
    quotas: merged('quotas'),
    scramUsers: merged('scramUsers'),
  }
}

function mergedSection(
  { entries, unread }: Told<unknown>,
  known: Section<unknown> | null,
  before: ClusterDocument | null,
): Section<unknown> {
  const isKnown = known !== null && known.entries !== null && known.entries.length > 0
  if (entries !== null && (entries.length > 0 || !isKnown)) return { entries, unread: null, readAtMs: null }
  const readAtMs = known?.entries ? (known.readAtMs ?? before?.readAtMs ?? null) : null
  return { entries: known?.entries ?? null, unread: unread ?? NO_ENTRIES, readAtMs }
}
