import type { ArchiveCase } from './archive-checker.ts'
import type { ArchivedState } from './archive-history.ts'
import { ArchivedEnds } from './archived-ends.ts'
import { comparableHistory } from './comparable-history.ts'
import type { Finding } from './finding.ts'
import { WORLD_BEGIN_MS } from './world.ts'

/**
 * Whether every recovery point is one: with the commit that states it, the archive has everything that was acknowledged before it and that
 * no open transaction held back.
 */
export function checkRecoveryPoints(
  { topics, hasSplitRuns }: Pick<ArchiveCase, 'topics' | 'hasSplitRuns'>,
  { commits, histories }: Pick<ArchivedState, 'commits' | 'histories'>,
): Finding[] {
  const ends = new ArchivedEnds()
  const findings: Finding[] = []
  const compared = histories.flatMap((entry) => comparableHistory(entry, { topics, histories }) ?? [])
  // A run that reads only some of them says nothing of the others.
  const judged = compared.filter(({ history }) => !hasSplitRuns || history.partition % 2 === 1)
  for (const commit of commits) {
    ends.add(commit)
    const { run, number } = commit
    if (!run?.continuous || run.target_at === '0') continue
    for (const { history, log } of judged) {
      const { topic, partition } = history
      const end = ends.of(topic, partition)
      const wanted = log.stableEndAt(Number(run.target_at) - WORLD_BEGIN_MS)
      if (end === undefined || end >= wanted) continue
      const detail = `its recovery point is ${run.target_at}: ${topic}/${partition} had ${wanted} then, the archive ends at ${end}`
      findings.push({ class: 'lost', where: `commit ${number}`, detail })
    }
  }
  return findings
}
