import type { ArchiveCase } from './archive-checker.ts'
import type { ArchivedState } from './archive-history.ts'
import { type CommitDocument, documentIn, sha256 } from './archive-reading.ts'
import { ArchivedEnds } from './archived-ends.ts'
import { comparableHistory } from './comparable-history.ts'
import type { Finding, FindingClass } from './finding.ts'
import type { PartitionLog } from './partition-log.ts'
import { WORLD_BEGIN_MS } from './world.ts'

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
export function checkGroups(archive: GroupCase, state: GroupState): Finding[] {
  const findings: Finding[] = []
  const ends = new ArchivedEnds()
  const pruned = new Set(state.commits.flatMap((commit) => commit.pruned?.artifacts ?? []))
  for (const commit of state.commits) {
    ends.add(commit)
    for (const { kind, key, sha256: digest } of commit.artifacts) {
      if (kind !== 'groups') continue
      const find = (kindOfFinding: FindingClass, detail: string) =>
        findings.push({ class: kindOfFinding, where: key, detail })
      const bytes = archive.objects.get(key)?.bytes
      if (!bytes && pruned.has(key)) continue
      if (!bytes || sha256(bytes) !== digest) {
        find('altered', 'it is not what its commit says')
        continue
      }
      for (const missing of missingIn(JSON.parse(documentIn(key, bytes)), { archive, state, commit, ends }))
        find('lost', missing)
    }
  }
  return findings
}

type GroupCase = Pick<ArchiveCase, 'objects' | 'topics' | 'hasSplitRuns'>
type GroupState = Pick<ArchivedState, 'commits' | 'histories'>

function missingIn(
  artifact: GroupsArtifact,
  place: {
    readonly archive: GroupCase
    readonly state: GroupState
    readonly commit: CommitDocument
    readonly ends: ArchivedEnds
  },
): string[] {
  const { archive, state, commit, ends } = place
  const { topics, hasSplitRuns } = archive
  return artifact.groups
    .filter(({ read_at }) => read_at === artifact.read_at)
    .flatMap(({ group, offsets }) =>
      offsets.flatMap(({ topic, partition, offset }) => {
        if (hasSplitRuns && partition % 2 === 0) return []
        const isOwn = (entry: { readonly topic: string; readonly partition: number }) =>
          entry.topic === topic && entry.partition === partition
        if (commit.run?.unread.some(isOwn)) return []
        const compared = comparableHistory({ topic, partition }, { topics, histories: state.histories })
        const end = compared && ends.of(topic, partition)
        if (end === undefined || end >= wantedEnd(BigInt(offset), artifact, commit, compared!)) return []
        return `group ${group} had read ${topic}/${partition} up to ${offset}, the archive ends at ${end}`
      }),
    )
}

/** A continuous run does not wait for transactions that are open: groups that read uncommitted records may stand behind them. */
function wantedEnd(
  offset: bigint,
  { read_at }: GroupsArtifact,
  { run }: CommitDocument,
  { log }: { readonly log: PartitionLog },
): bigint {
  if (!run?.continuous) return offset
  const stableEnd = log.stableEndAt(Number(read_at) - WORLD_BEGIN_MS)
  return stableEnd < offset ? stableEnd : offset
}
