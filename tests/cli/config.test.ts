import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { expectExit } from '../harness/archive.ts'
import { runProgram } from '../harness/run-program.ts'

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/kafka-backup.js', import.meta.url))
const PASSWORD_OF = `$` + `{CONFIG_TEST_PASSWORD}`
const VARIABLE = 'KAFKA_BACKUP_BACKUP_COMPRESSION_LEVEL'

let folder: string
/** Stands for brokers and stores; nobody may come. */
let server: Server
let callers = 0
let address: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-backup-config-'))
  server = createServer((socket) => {
    callers++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  assert.ok(bound !== null && typeof bound === 'object')
  address = `127.0.0.1:${bound.port}`
  await writeFile(join(folder, 'good.yaml'), goodFile())
})

after(async () => {
  server.close()
  await rm(folder, { recursive: true, force: true })
})

function goodFile(): string {
  return `backup_id: daily
source:
  bootstrap_servers: [${address}]
  topics: { include: [orders, 'payments-*'] }
  security:
    security_protocol: SASL_PLAINTEXT
    sasl_username: reader
    sasl_password: ${PASSWORD_OF}
storage:
  backend: s3
  endpoint: http://${address}
  bucket: backups
  region: eu-central-1
  access_key: canary-access
  secret_key: canary-secret
backup:
  compression_level: 9
`
}

interface Explanation {
  readonly settings: readonly {
    readonly key: string
    readonly value: unknown
    readonly from: string
    readonly where: string | null
  }[]
}

const env = { CONFIG_TEST_PASSWORD: 'canary-password' }

async function explained(key: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const end = await runProgram(['config', 'explain', 'backup', ...args, '--output-format', 'json'], {
    cwd: folder,
    env: { ...env, ...more },
  })
  assert.equal(end.exitCode, 0, end.stderr)
  const { value, from, where } = end.json<Explanation>().settings.find((row) => row.key === key) ?? {}
  return { value, from, where }
}

test('a flag counts before a variable, that before the file, and the file before the default', async () => {
  const key = 'backup.compression_level'
  const file = ['--config', 'good.yaml']
  const flag = ['--compression-level', '12']
  await writeFile(join(folder, 'bare.yaml'), goodFile().replace(/backup:\n.*\n$/, ''))
  assert.deepEqual(await explained(key, ['--config', 'bare.yaml']), {
    value: 3,
    from: 'default',
    where: null,
  })
  assert.deepEqual(await explained(key, file), { value: 9, from: 'file', where: 'good.yaml:17' })
  assert.deepEqual(await explained(key, file, { [VARIABLE]: '11' }), {
    value: 11,
    from: 'environment',
    where: VARIABLE,
  })
  assert.deepEqual(await explained(key, [...file, ...flag], { [VARIABLE]: '11' }), {
    value: 12,
    from: 'flag',
    where: '--compression-level',
  })
  // An empty variable is none.
  assert.equal((await explained(key, file, { [VARIABLE]: '' })).from, 'file')
})

test('explain shows what counts in each format, and no secret', async () => {
  const args = ['config', 'explain', 'backup', '--config', 'good.yaml']
  for (const format of ['table', 'json', 'yaml']) {
    const { stdout, stderr } = await expectExit(0, [...args, '--output-format', format], { cwd: folder, env })
    assert.doesNotMatch(stdout + stderr, /canary/)
    assert.match(stdout, /\[secret\]/)
    assert.match(stdout, /payments-\*/)
  }
  const { stdout } = await expectExit(0, [...args, '--given'], { cwd: folder, env })
  assert.match(stdout, /^SETTING +VALUE +FROM$/m)
  assert.match(stdout, /^source\.security\.sasl_password +\[secret\] +good\.yaml:8$/m)
  assert.match(stdout, /^source\.topics\.include +orders, payments-\* +good\.yaml:4$/m)
  assert.doesNotMatch(stdout, /default|restore\./)
  // What replaces the place of the file replaces all of it.
  const replaced = await explained('storage.bucket', ['--config', 'good.yaml', '--repo', 'file:///elsewhere'])
  assert.deepEqual(replaced, { value: null, from: 'default', where: null })
})

test('explain of settings that are refused says why, and shows none of them', async () => {
  const args = ['config', 'explain', 'backup', '--config', 'good.yaml', '--segment-max-bytes', 'many']
  const { stdout, stderr } = await expectExit(2, args, { cwd: folder, env })
  assert.equal(stdout, '')
  assert.match(stderr, /^Refused: --segment-max-bytes must be .*Nothing was started/)
})

test('check has no objection to good settings, from a file or a pipe, and asks nobody', async () => {
  const { stdout } = await expectExit(0, ['config', 'check', 'backup', '--config', 'good.yaml'], {
    cwd: folder,
    env,
  })
  assert.equal(stdout, 'good.yaml can be used for backup: no objection. No cluster and no store was asked.\n')
  const command = `cat good.yaml | '${process.execPath}' '${PROGRAM}' config check backup -c /dev/stdin`
  const piped = spawnSync('sh', ['-c', command], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  assert.equal(piped.status, 0, piped.stderr + piped.stdout)
  const restore = [
    '--bootstrap-servers',
    address,
    '--backup-id',
    'daily',
    '--repo',
    `file://${folder}/absent`,
  ]
  await expectExit(0, ['config', 'check', 'restore', ...restore])
  assert.ok(!existsSync(join(folder, 'absent')))
  assert.equal(callers, 0)
})

test('check says all objections with line and key, as the verb itself refuses them', async () => {
  const unknown = Array.from({ length: 14 }, (_, at) => `  compresion_${at}: 1`).join('\n')
  await writeFile(
    join(folder, 'bad.yaml'),
    `backup_id: a/b\nsource:\n  topics: { include: [orders] }\nstorage: { path: /var/x }\nbackup:\n${unknown}\n  segment_max_bytes: many\n`,
  )
  const args = ['--config', 'bad.yaml', '--compression-level', '99']
  const verb = await expectExit(2, ['backup', ...args], { cwd: folder })
  assert.match(verb.stderr, /and \d+ more/)
  const end = await runProgram(['config', 'check', 'backup', ...args, '--output-format', 'json'], {
    cwd: folder,
  })
  assert.equal(end.exitCode, 2)
  const { kind, usable, objections } = end.json<{
    kind: string
    usable: boolean
    objections: { code: string; line: number | null; key: string; message: string }[]
  }>()
  assert.deepEqual([kind, usable], ['config_check', false])
  const places = objections.map(({ line, key }) => [line, key])
  assert.deepEqual(places, [
    [1, 'backup_id'],
    ...Array.from({ length: 14 }, (_, at) => [6 + at, `backup.compresion_${at}`]),
    [20, 'backup.segment_max_bytes'],
    [null, 'backup.compression_level'],
    [null, 'source.bootstrap_servers'],
  ])
  for (const { message } of objections.slice(0, 9)) assert.ok(verb.stderr.includes(message), message)
  const { stdout } = await expectExit(2, ['config', 'check', 'backup', ...args], { cwd: folder })
  assert.match(stdout, /^bad\.yaml:20: backup\.segment_max_bytes must be .*\n {2}KB_CONFIG_INVALID$/m)
  assert.match(stdout, /\nRefused: 18 objections\. backup would not start\./)
})

test('check also refuses what is said only when the store is opened, and a file for the other direction', async () => {
  const place = ['--backup-id', 'a', '--topics', 'a', '--bootstrap-servers', address]
  const { stdout } = await expectExit(2, ['config', 'check', 'backup', ...place, '--repo', 'ftp://host/x'])
  assert.match(stdout, /KB_LOCATION_INVALID/)
  await writeFile(join(folder, 'other.yaml'), `mode: restore\n${goodFile()}`)
  const other = await expectExit(2, ['config', 'check', 'backup', '-c', 'other.yaml'], { cwd: folder, env })
  assert.match(other.stdout, /^other\.yaml:1: mode is restore, so this configuration is not for backup$/m)
  await writeFile(join(folder, 'broken.yaml'), 'backup_id: [a\n')
  const broken = await expectExit(2, ['config', 'check', 'backup', '-c', 'broken.yaml'], { cwd: folder })
  assert.match(broken.stderr, /broken\.yaml:\d: not valid YAML/)
})
