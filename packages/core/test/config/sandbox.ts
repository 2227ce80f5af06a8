import assert from 'node:assert/strict'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConfigSources, type LoadedConfig, loadConfig } from '../../src/config/load-config.ts'
import type { Verb } from '../../src/config/setting.ts'
import type { ErrorCode } from '../../src/errors/error-codes.ts'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'

/** The sources of a test; a file is given as its text. */
export interface Given extends Partial<Omit<ConfigSources, 'file' | 'cwd'>> {
  readonly text?: string | Uint8Array
}

/** Runs `test` in a fresh folder and removes it afterwards. */
export async function withFolder<T>(test: (folder: string) => Promise<T>): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kb-config-')))
  try {
    return await test(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Loads a file `backup.yaml` with this text, and the other sources. */
export async function load({ text, verb = 'backup', flags = {}, env = {} }: Given): Promise<LoadedConfig> {
  return withFolder(async (cwd) => {
    if (text === undefined) return loadConfig({ verb, flags, env, cwd })
    await writeFile(join(cwd, 'backup.yaml'), text)
    return loadConfig({ verb, flags, env, cwd, file: 'backup.yaml' })
  })
}

/** The error of a load that must not succeed. */
export async function failure(given: Given, code: ErrorCode): Promise<KafkaBackupError> {
  try {
    await load(given)
  } catch (error) {
    assert.ok(isKafkaBackupError(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.equal(error.exitCode, 2)
    return error
  }
  throw new assert.AssertionError({ message: `expected ${code}` })
}

/** Flags that are all a verb needs. */
export const ENOUGH: Readonly<Record<Verb, ConfigSources['flags']>> = {
  backup: {
    backup_id: 'daily',
    repo: 'file:///var/backups',
    'source.bootstrap_servers': 'broker-1:9092',
    'source.topics.include': 'orders',
  },
  restore: {
    backup_id: 'daily',
    repo: 'file:///var/backups',
    'target.bootstrap_servers': 'broker-1:9092',
  },
  groups: { backup_id: 'daily', repo: 'file:///backups', 'source.bootstrap_servers': 'b:9092' },
  read: { repo: 'file:///var/backups' },
  status: { repo: 'file:///var/backups' },
  compare: { backup_id: 'daily', repo: 'file:///var/backups' },
}
