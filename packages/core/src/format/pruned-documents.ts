import type { ArtifactRecord } from './commit.ts'

/** Artifacts under keys of their own, which are no documents and go with the gap that names them. */
export const QUARANTINE_KIND = 'quarantine'

/** The documents among artifacts that are not the newest of their kind, in the order in which commits have named them. */
export function supersededDocuments(artifacts: readonly ArtifactRecord[]): ArtifactRecord[] {
  const newest = new Map(artifacts.map((artifact) => [artifact.kind, artifact]))
  return artifacts.filter(
    (artifact) => artifact.kind !== QUARANTINE_KIND && newest.get(artifact.kind) !== artifact,
  )
}

/** Why a commit cannot prune the documents that it names; undefined when it can. What is known of now is never taken out. */
export function documentRefusal(
  keys: readonly string[] | undefined,
  artifacts: readonly ArtifactRecord[],
): string | undefined {
  if (!keys) return undefined
  const prunable = new Set(supersededDocuments(artifacts).map(({ key }) => key))
  const wrong = keys.find((key) => !prunable.has(key))
  if (wrong === undefined) return undefined
  const isKnown = artifacts.some(({ key }) => key === wrong)
  return `${wrong} ${isKnown ? 'is no document, or the newest of its kind' : 'is not held'}`
}
