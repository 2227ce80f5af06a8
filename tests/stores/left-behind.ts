import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../../packages/core/src/config/load-config.ts'
import { openParts } from '../../packages/core/src/plugin/open-parts.ts'
import { Registry } from '../../packages/core/src/plugin/registry.ts'
import { openLocation } from '../../packages/core/src/storage/backend-registry.ts'

const OBJECT_MAX_BYTES = 64 * 1024 * 1024
/** A run leaves at least its segments, a commit, a manifest and its report or state. */
const OBJECTS_MIN = 5

/** Bytes that a run left, by where they are. */
export type LeftBehind = ReadonlyMap<string, Buffer>

/** Every object of a repository that these variables open. */
export async function objectsOf(repo: string, env: Readonly<Record<string, string>>): Promise<LeftBehind> {
  const { config } = await loadConfig({ verb: 'read', flags: { repo }, env, cwd: '/' })
  const { storages } = new Registry().use(openParts).freeze()
  const storage = openLocation(repo, storages, config.storageCredentials)
  const found = new Map<string, Buffer>()
  try {
    for await (const { key } of storage.list('')) found.set(key, await storage.read(key, OBJECT_MAX_BYTES))
  } finally {
    await storage.close()
  }
  assert.ok(found.size >= OBJECTS_MIN, [...found.keys()].join(', '))
  return found
}

/** Every file of a folder. */
export async function filesOf(folder: string): Promise<LeftBehind> {
  const names = await readdir(folder)
  assert.ok(names.length > 0, folder)
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  )
}

/** Fails when a secret is anywhere in it, as it is or as it stands in addresses. */
export function expectNoSecret(left: LeftBehind, secrets: readonly string[]): void {
  for (const [place, bytes] of left) {
    for (const secret of secrets.flatMap((text) => [text, encodeURIComponent(text)])) {
      assert.ok(!bytes.includes(secret), `a secret is in ${place}`)
    }
  }
}
