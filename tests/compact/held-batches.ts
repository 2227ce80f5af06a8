import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { decompressFrames } from '@kafka-backup/testkit'
import { type Archive, archivePath } from '../harness/archive.ts'
import { readCommits } from '../harness/committed-batches.ts'

interface CompactingCommit {
  readonly compacted?: { readonly objects: readonly string[] }
  readonly segments: readonly { readonly key: string; readonly parts: readonly HeldPart[] }[]
}

interface HeldPart {
  readonly topic: string
  readonly partition: number
  readonly frames: readonly [number, number]
  readonly begin_offset: string
}

/** Objects that the newest state names. */
export async function heldObjects(
  archive: Archive,
): Promise<readonly CompactingCommit['segments'][number][]> {
  const commits = (await readCommits(archive)) as unknown as CompactingCommit[]
  const replaced = new Set(commits.flatMap(({ compacted }) => compacted?.objects ?? []))
  return commits.flatMap(({ segments }) => segments).filter(({ key }) => !replaced.has(key))
}

/**
 * SHA-256 over all batches of each partition in order of offset, each byte of them as it is stored. By code of its own: what the program wrote is
 * judged by the format documents alone.
 */
export async function heldBatches(archive: Archive): Promise<Map<string, string>> {
  const chunks: { readonly name: string; readonly begin: bigint; readonly bytes: Buffer }[] = []
  for (const { key, parts } of await heldObjects(archive)) {
    const frames = await decompressFrames(join(archive.folder, key))
    for (const { topic, partition, frames: range, begin_offset } of parts) {
      const bytes = Buffer.concat(frames.slice(range[0], range[1]))
      chunks.push({ name: `${topic}/${partition}`, begin: BigInt(begin_offset), bytes })
    }
  }
  const byName = [...Map.groupBy(chunks, ({ name }) => name)].sort(([a], [b]) => (a < b ? -1 : 1))
  return new Map(
    byName.map(([name, own]) => {
      const hash = createHash('sha256')
      for (const { bytes } of own.toSorted((a, b) => Number(a.begin - b.begin))) hash.update(bytes)
      return [name, hash.digest('hex')]
    }),
  )
}

/** Keys of segments and bundles that are there, named or not. */
export async function objectsThere({ folder, backupId }: Archive): Promise<string[]> {
  const names = await Promise.all(
    ['topics', 'bundles'].map(async (kind) => {
      const found = await readdir(archivePath({ folder, backupId }, kind), { recursive: true }).catch(
        () => [],
      )
      return found.filter((name) => name.endsWith('.zst')).map((name) => `${backupId}/${kind}/${name}`)
    }),
  )
  return names.flat().sort()
}
