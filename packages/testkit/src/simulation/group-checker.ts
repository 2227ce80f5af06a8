import type { ArchiveCase } from './archive-checker.ts'
import type { ArchivedHistory, ArchivedState } from './archive-history.ts'
import { type CommitDocument, sha256 } from './archive-reading.ts'
import type { Finding, FindingClass } from './finding.ts'
import type { SimulatedTopics } from './simulated-topics.ts'

/** An artifact of the kind `groups`; the names are those of docs/format/artifacts.md. */
interface GroupsArtifact {
  readonly read_at: string
  readonly groups: readonly {
    readonly group: string
    readonly read_at: string
    readonly offsets: readonly {
      readonly topic: string
      readonly partition: number
      readonly offset: string
    }[]
  }[]
}

/**
 * Whether what groups had read is in the archive, commit by commit: where one names them, it and those before hold every record below their
 * offsets, but for what the run says that it did not get.
 */
export function checkGroups(
  { objects, topics, hasSplitRuns }: Pick<ArchiveCase, 'objects' | 'topics' | 'hasSplitRuns'>,
  { commits, histories }: Pick<ArchivedState, 'commits' | 'histories'>,
): Finding[] {
  const findings: Finding[] = []
  for (const [at, commit] of commits.entries()) {
    for (const { kind, key, sha256: digest } of commit.artifacts) {
      if (kind !== 'groups') continue
      const find = (kindOfFinding: FindingClass, detail: string) =>
        findings.push({ class: kindOfFinding, where: key, detail })
      const bytes = objects.get(key)?.bytes
      if (!bytes || sha256(bytes) !== digest) {
        find('altered', 'it is not what its commit says')
        continue
      }
      const artifact = JSON.parse(bytes.toString()) as GroupsArtifact
      for (const { group, read_at, offsets } of artifact.groups) {
        if (read_at !== artifact.read_at) continue
        for (const { topic, partition, offset } of offsets) {
          if (hasSplitRuns && partition % 2 === 0) continue
          const history = comparable({ topic, partition }, { commit, histories, topics })
          const end = history && endAsOf(history, commits.slice(0, at + 1))
          if (end !== undefined && BigInt(offset) > end)
            find(
              'lost',
              `group ${group} had read ${topic}/${partition} up to ${offset}, the archive ends at ${end}`,
            )
        }
      }
    }
  }
  return findings
}

/** Offsets of a log that was cut off, or of a topic that was created again, may be those of another history; undefined: not comparable. */
function comparable(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  {
    commit,
    histories,
    topics,
  }: Pick<ArchivedState, 'histories'> & { readonly commit: CommitDocument; readonly topics: SimulatedTopics },
): ArchivedHistory | undefined {
  const isUnread = commit.run.unread.some((entry) => entry.topic === topic && entry.partition === partition)
  const sameName = [...topics.everById.values()].filter(({ name }) => name === topic)
  // Compaction may take the end of a log before it is read: the archive ends before it then, and nothing is missing.
  if (sameName[0]?.isCompacted) return undefined
  const log = sameName[0]?.logs[partition]
  const forms = [...(log?.ever.values() ?? [])].flat()
  if (isUnread || sameName.length > 1 || forms.some(({ truncatedMs }) => truncatedMs !== null))
    return undefined
  const own = histories.filter((entry) => entry.topic === topic && entry.partition === partition)
  return own.length === 1 ? own[0] : undefined
}

/** Where a history ended when it had what these commits say. */
function endAsOf(
  { topic, partition, beginOffset }: ArchivedHistory,
  commits: readonly CommitDocument[],
): bigint | undefined {
  const isOwn = (entry: { readonly topic: string; readonly partition: number }) =>
    entry.topic === topic && entry.partition === partition
  const parts = commits.flatMap(({ segments }) => segments.flatMap((segment) => segment.parts)).filter(isOwn)
  const gaps = commits.flatMap((commit) => commit.gaps).filter(isOwn)
  const hasBegun = commits.some(({ begins }) => begins.some(isOwn))
  if (!hasBegun) return undefined
  const ends = [...parts.map((part) => part.next_offset), ...gaps.map((gap) => gap.end_offset)].map(BigInt)
  return ends.reduce((most, end) => (end > most ? end : most), beginOffset)
}
