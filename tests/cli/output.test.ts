import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { offsetsOf, treeOf } from '../bad-input/evidence.ts'
import { assertExit, expectExit } from '../harness/archive.ts'
import { type LoadedFiles, recordLoaded } from '../harness/loaded-files.ts'
import { createTopics } from '../harness/new-topics.ts'
import { type ProgramEnd, runProgram } from '../harness/run-program.ts'

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/kafka-backup.js', import.meta.url))
const RECORDS = 500
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
const ESCAPES = /[\u001b\r\u0007]/

let cluster: KafkaCluster
let folder: string
let place: string[]

before(async () => {
  cluster = await startKafkaCluster()
  folder = join(cluster.folder, 'work')
  await mkdir(folder)
  place = ['--repo', pathToFileURL(join(folder, 'archive')).href, '--backup-id', 'daily']
  await createTopics(cluster, {
    orders: { partitions: 2 },
    payments: { partitions: 1 },
    'user-events': { partitions: 1 },
  })
  await fillTopics(cluster, [
    { topic: 'orders', records: RECORDS },
    { topic: 'payments', records: RECORDS },
    { topic: 'user-events', records: RECORDS },
  ])
})

after(() => cluster?.close())

test('a dry run of a backup shows the plan and makes nothing, not even the folder', async () => {
  const offsets = await offsetsOf(cluster)
  const table = await expectExit(0, backup('orders', '--dry-run'))
  assert.match(table.stdout, /orders\/0 {2}offsets 0-\d+/)
  assert.match(table.stdout, /\nPlan only: nothing was written\.\n$/)
  const plan = (await expectExit(0, backup('orders', '--dry-run', '--output-format', 'json'))).json<{
    kind: string
    new_offsets: string
  }>()
  assert.deepEqual([plan.kind, plan.new_offsets], ['backup_plan', String(RECORDS)])
  assert.equal(existsSync(join(folder, 'archive')), false)

  await expectExit(0, backup('orders'))
  const committed = await treeOf(join(folder, 'archive'))
  await expectExit(0, backup('orders,payments', '--dry-run'))
  assert.deepEqual(await treeOf(join(folder, 'archive')), committed)
  assert.deepEqual(await offsetsOf(cluster), offsets)
})

test('JSON on stdout is one document, and everything else is on stderr', async () => {
  const restore = ['restore', '--bootstrap-servers', cluster.bootstrap, '--topics', 'orders', ...place]
  const runs: readonly (readonly [kind: string, exitCode: number, args: readonly string[]])[] = [
    ['backup_plan', 0, backup('orders', '--dry-run')],
    ['backup_report', 0, backup('orders')],
    ['restore_plan', 0, [...restore, '--topic-mapping', 'orders=orders-json', '--dry-run']],
    ['restore_report', 0, [...restore, '--topic-mapping', 'orders=orders-json']],
    ['error', 5, [...restore, '--topic-mapping', 'orders=orders-json']],
    ['error', 2, backup('absent')],
    ['backup_list', 0, ['list', ...place]],
    ['backup_description', 0, ['describe', ...place]],
    ['backup_status', 0, ['status', ...place]],
    ['validation_report', 0, ['validate', ...place]],
    ['validation_report', 0, ['validate', ...place, '--deep']],
    ['prune_plan', 0, ['prune', ...place, '--older-than', '30d', '--dry-run']],
    ['prune_report', 0, ['prune', ...place, '--older-than', '30d', '--yes']],
    ['compact_plan', 0, ['compact', ...place, '--dry-run']],
    ['compact_report', 0, ['compact', ...place]],
    ['repair_plan', 0, ['repair', ...place, '--dry-run']],
    ['repair_report', 0, ['repair', ...place]],
    ['probe_report', 0, ['probe', ...place]],
    ['error', 2, ['status', ...place.slice(0, 2), '--backup-id', 'absent']],
  ]
  for (const [kind, exitCode, args] of runs) {
    const recorder = recordLoaded(folder)
    const end = await expectExit(exitCode, [...args, '--output-format', 'json'], { env: recorder.env })
    expectLight(await recorder.read(), args)
    const document = end.json<{ kind: string; version: number }>()
    const version = kind === 'restore_plan' || kind === 'restore_report' ? 2 : 1
    assert.deepEqual([document.kind, document.version], [kind, version])
    assert.equal(end.stdout, `${JSON.stringify(document, null, 2)}\n`, 'one document and one newline')
    assert.doesNotMatch(end.stderr, /^[{}]/m)
    expectPlain(end)
    const table = await runProgram(args)
    assert.equal(table.exitCode, kind === 'restore_report' ? 5 : exitCode)
    assert.doesNotMatch(table.stdout, /^[{}]/m)
    assert.doesNotMatch(table.stdout, /undefined|NaN|\[object/)
    if (table.exitCode !== 0) assert.equal(table.stdout, '', 'an error is no result')
    expectPlain(table)
  }
})

/** What a verb has no use for takes no time at its start: the libraries of clusters, of stores, and of configuration files. */
function expectLight({ engine, packages }: LoadedFiles, args: readonly string[]): void {
  const heavy = /^(?:@platformatic\/kafka|@aws-sdk\/.*|@azure\/.*|@google-cloud\/.*|yaml)$/
  const used = args.includes('--bootstrap-servers') ? ['@platformatic/kafka'] : []
  assert.deepEqual(
    packages.filter((name) => heavy.test(name)),
    used,
    args.join(' '),
  )
  if (args[0] === 'list' || args[0] === 'describe')
    assert.deepEqual(
      engine.filter((name) => ['backup', 'compact', 'verify'].includes(name)),
      [],
    )
}

test('--quiet leaves the result and errors', async () => {
  const loud = await expectExit(0, backup('orders'))
  assert.match(loud.stderr, /^Backup daily {2}· {2}cluster /)
  assert.match(loud.stdout, /^Complete +0 records/)
  const quiet = await expectExit(0, backup('orders', '--quiet'))
  assert.equal(quiet.stderr, '')
  assert.match(quiet.stdout, /^Complete +0 records/)
  const failed = await expectExit(2, backup('absent', '-q'))
  assert.match(failed.stderr, /^Refused: topic "absent" does not exist on .*\n {2}KB_TOPIC_NOT_FOUND · .*\n$/)
})

test('the configuration file of the requirements, for a folder, backs up', async () => {
  await writeFile(
    join(folder, 'backup-config.yaml'),
    [
      'mode: backup',
      'backup_id: "backup-2025-11-27-prod"',
      'source:',
      '  bootstrap_servers:',
      '    - $' + '{TEST_BROKER}',
      '  security:',
      '    security_protocol: "PLAINTEXT"',
      '  topics:',
      '    include:',
      '      - orders',
      '      - payments',
      '      - user-events',
      '    exclude:',
      '      - __consumer_offsets  # Handle separately',
      'storage:',
      '  backend: "filesystem"  # s3 | ceph | filesystem',
      '  path: "repository"',
      '  prefix: "cluster-prod-us-east"',
      'backup:',
      '  segment_max_bytes: 134217728      # 128MB',
      '  segment_max_interval_ms: 5000     # 5 seconds',
      '  fetch_max_bytes: 52428800         # 50MB per fetch',
      '  fetch_timeout_ms: 500',
      '  compression: "zstd"               # zstd | lz4 | none',
      '  compression_level: 3              # 1-22 for zstd',
      '  checkpoint_interval_secs: 5',
      '  checkpoint_on_shutdown: true',
      'offset_storage:',
      '  backend: "sqlite"                 # sqlite | s3',
      '  db_path: "./offsets.db"           # Local SQLite file',
      '  s3_key: "backups/offset-state/offsets.db"  # Where to sync',
      '  sync_interval_secs: 30',
      '',
    ].join('\n'),
  )
  const env = { TEST_BROKER: cluster.bootstrap }
  const end = await expectExit(0, ['backup', '-c', 'backup-config.yaml'], { cwd: folder, env })
  assert.match(end.stdout, /^Complete +1,500 records/)
  assert.match(end.stderr, /^Warning: backup-config\.yaml:31: offset_storage\.s3_key has no effect: /m)
  assert.ok(existsSync(join(folder, 'offsets.db')), 'relative to the file, as it says')
  const backupFolder = join(folder, 'repository', 'cluster-prod-us-east', 'backup-2025-11-27-prod')
  assert.ok(existsSync(join(backupFolder, 'manifest.json')))
  assert.ok(existsSync(join(backupFolder, 'topics', 'user-events', 'partition=0')))
  // The folder is relative to the file, wherever the program runs.
  const status = await expectExit(0, ['status', '-c', join(folder, 'backup-config.yaml')], { env })
  assert.match(status.stdout, /^backup-2025-11-27-prod {3}last run complete/)
})

test('a flag beats a variable, and a variable beats the file', async () => {
  await writeFile(
    join(folder, 'precedence.yaml'),
    `backup_id: from-file\nrepo: ${place[1]}\nsource: { bootstrap_servers: ["${cluster.bootstrap}"], topics: { include: [orders] } }\n`,
  )
  const idOf = async (args: readonly string[], env: Record<string, string>) => {
    const command = ['backup', '-c', 'precedence.yaml', '--dry-run', '--output-format', 'json', ...args]
    return (await expectExit(0, command, { cwd: folder, env })).json().backup_id
  }
  assert.equal(await idOf([], {}), 'from-file')
  assert.equal(await idOf([], { KAFKA_BACKUP_BACKUP_ID: 'from-variable' }), 'from-variable')
  assert.equal(
    await idOf(['--backup-id', 'from-flag'], { KAFKA_BACKUP_BACKUP_ID: 'from-variable' }),
    'from-flag',
  )
})

test('a reader that closes stdout early does not disturb a run', async () => {
  const args = ['describe', ...place].map((arg) => `'${arg}'`).join(' ')
  const script = `{ sleep 0.2; "${process.execPath}" "${PROGRAM}" ${args}; echo "exit $?" >&2; } | true`
  const { stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  assert.equal(stderr, 'exit 0\n')
  const command = backup('orders,payments')
    .map((arg) => `'${arg}'`)
    .join(' ')
  const noisy = `{ "${process.execPath}" "${PROGRAM}" ${command} 2>&1; echo "exit $?" > '${folder}/exit'; } | true`
  spawnSync('sh', ['-c', noisy])
  const status = await expectExit(0, ['status', ...place])
  assert.match(status.stdout, /last run complete/)
  assert.equal(spawnSync('cat', [join(folder, 'exit')], { encoding: 'utf8' }).stdout, 'exit 0\n')
})

function backup(topics: string, ...more: readonly string[]): string[] {
  return ['backup', '--bootstrap-servers', cluster.bootstrap, '--topics', topics, ...place, ...more]
}

/** Nothing that commands a terminal, and no stack trace. */
function expectPlain(end: ProgramEnd): void {
  assertExit(end, end.exitCode ?? -1)
  for (const text of [end.stdout, end.stderr]) {
    assert.doesNotMatch(text, ESCAPES)
    assert.doesNotMatch(text, /^\s+at .*:\d+:\d+\)?$/m)
  }
}
