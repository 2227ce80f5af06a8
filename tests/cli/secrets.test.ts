import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runProgram } from '../harness/run-program.ts'

const VARIABLE_OF = (name: string) => `$` + `{${name}}`

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-backup-secrets-'))
})

after(() => rm(folder, { recursive: true, force: true }))

// Each holds a canary through a variable. Those that are no secrets are refused for what they hold: a password in the
// wrong place is still a password.
const IN_FILE: readonly string[] = [
  'source.security.sasl_username',
  'source.security.sasl_password',
  'source.security.ssl_key_location',
  'source.security.sasl_keytab_path',
  'source.security.security_protocol',
  'source.topics.exclude',
  'source.connection.connections_per_broker',
  'storage.access_key',
  'storage.secret_key',
  'storage.account_key',
  'storage.sas_token',
  'storage.client_secret',
  'storage.backend',
  'backup.compression',
  'backup.compression_level',
  'backup.include_internal_topics',
  'backup.fetch_max_bytes',
  'backup.retention.max_age',
  'backup.time_window.start',
]
const IN_ENVIRONMENT: readonly string[] = [
  'KAFKA_BACKUP_SOURCE_SECURITY_SASL_PASSWORD',
  'KAFKA_BACKUP_STORAGE_SECRET_KEY',
  'KAFKA_BACKUP_STORAGE_ACCESS_KEY',
  'KAFKA_BACKUP_STORAGE_SAS_TOKEN',
  'KAFKA_BACKUP_STORAGE_ACCOUNT_KEY',
  'KAFKA_BACKUP_STORAGE_CLIENT_SECRET',
]

test('no secret of the file or the environment is ever printed', async () => {
  const canaries = [...IN_FILE, ...IN_ENVIRONMENT].map((_, at) => `canary/${at}!zQ7`)
  assert.equal(canaries.length, 25)
  const env: Record<string, string> = {}
  IN_FILE.forEach((_, at) => {
    env[`TEST_SECRET_${at}`] = canaries[at] ?? ''
  })
  IN_ENVIRONMENT.forEach((name, at) => {
    env[name] = canaries[IN_FILE.length + at] ?? ''
  })
  // All at once, and a few at a time: of many refusals only the first ten are told.
  await expectSilence(nested(IN_FILE), env, canaries)
  for (let at = 0; at < IN_FILE.length; at += 4) {
    await expectSilence(nested(IN_FILE.slice(at, at + 4)), env, canaries)
  }
})

test('an account or a token in the URL of the repository is not printed', async () => {
  for (const repo of [
    's3://user:canary@bucket/x',
    'file://user:canary@host/x',
    'file:///x?token=canary',
    'ftp://canary@h/',
  ]) {
    for (const format of ['table', 'json']) {
      const end = await runProgram(['list', '--repo', repo, '--output-format', format])
      assert.equal(end.exitCode, 2)
      assert.doesNotMatch(end.stdout + end.stderr, /canary/)
    }
  }
})

const CONNECTION =
  'DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=canary/zQ7+==;EndpointSuffix=core.windows.net'
const SIGNED = 'BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=sv=2024&sig=canary'
const AZURE = ['--backend', 'azure', '--account-name', 'acct']

test('a connection string in the place of a name is refused, and its secret is not printed', async () => {
  for (const pasted of [CONNECTION, SIGNED])
    for (const args of [
      ['--repo', pasted],
      ['--repo', `file:///${pasted}`],
      ['--repo', `azure://acct/container/${encodeURIComponent(pasted)}`],
      ['--repo', `azure://${pasted}/container`],
      ['--path', pasted],
      ['--path', '/var', '--prefix', pasted],
      [...AZURE.slice(0, 2), '--account-name', pasted, '--container-name', 'c'],
      [...AZURE, '--container-name', pasted],
      [...AZURE, '--container-name', 'ccc', '--prefix', pasted],
      ['--repo', 'file:///x', '--backup-id', pasted],
      [pasted],
      [`--${pasted}`],
    ]) {
      const end = await runProgram(['describe', '--backup-id', 'daily', ...args, '--output-format', 'json'], {
        cwd: folder,
      })
      assert.equal(end.exitCode, 2, `${args.join(' ')}: ${end.stderr}`)
      assert.doesNotMatch(end.stdout + end.stderr, /canary|zQ7/, args.join(' '))
    }
})

interface Section {
  [name: string]: string | Section
}

/** Sections with each of the settings set to the variable of its place in the list. */
function nested(paths: readonly string[]): string {
  const root: Section = {}
  for (const path of paths) {
    const names = path.split('.')
    const leaf = names.pop() ?? ''
    const section = names.reduce((outer, name) => {
      outer[name] ??= {}
      return outer[name] as Section
    }, root)
    section[leaf] = VARIABLE_OF(`TEST_SECRET_${IN_FILE.indexOf(path)}`)
  }
  // JSON is YAML.
  return JSON.stringify({ backup_id: 'daily', ...root })
}

async function expectSilence(
  text: string,
  env: Readonly<Record<string, string>>,
  canaries: readonly string[],
): Promise<void> {
  const file = 'secret.yaml'
  await writeFile(join(folder, file), text)
  const args = [
    '--config',
    file,
    '--bootstrap-servers',
    '127.0.0.1:1',
    '--topics',
    'a',
    '--output-format',
    'json',
  ]
  const end = await runProgram(['backup', ...args], { cwd: folder, env })
  assert.equal(end.exitCode, 2, end.stderr)
  for (const canary of canaries) {
    assert.ok(!(end.stdout + end.stderr).includes(canary), `${canary} in:\n${end.stdout}\n${end.stderr}`)
  }
  assert.doesNotMatch(end.stdout + end.stderr, /canary|zQ7/)
}
