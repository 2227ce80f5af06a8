import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { expectExit } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import type { ProgramOptions } from '../harness/run-program.ts'
import { expectRefused, type Refusal } from './evidence.ts'

const SECRET = 'canary-f3a1c9'

let cluster: KafkaCluster
let folder: string

before(async () => {
  cluster = await startKafkaCluster()
  folder = join(cluster.folder, 'work')
  await mkdir(folder)
  await createTopics(cluster, { orders: { partitions: 1 } })
  await fillTopics(cluster, [{ topic: 'orders', records: 100 }])
})

after(() => cluster?.close())

/** A file that is right, but for the lines of `backup` and whatever `change` does to the rest. */
function fileText(lines: readonly string[] = [], change: (text: string) => string = (text) => text): string {
  return change(
    [
      'backup_id: daily',
      'source:',
      `  bootstrap_servers: ["${cluster.bootstrap}"]`,
      '  topics: { include: [orders] }',
      'storage:',
      '  backend: filesystem',
      '  path: archive',
      'backup:',
      '  compression: zstd',
      ...lines,
      '',
    ].join('\n'),
  )
}

const INVALID = 'KB_CONFIG_INVALID'

interface BadFile {
  readonly name: string
  readonly lines?: readonly string[]
  readonly change?: (text: string) => string
  readonly code: string
  readonly says: Refusal['says']
  readonly env?: ProgramOptions['env']
}

const badFiles: readonly BadFile[] = [
  {
    name: 'an unknown key',
    lines: ['  compresion_level: 3'],
    code: 'KB_CONFIG_UNKNOWN_KEY',
    says: [
      'backup.yaml:10: backup.compresion_level is not a setting. Did you mean backup.compression_level?',
    ],
  },
  {
    name: 'a variable that is not set',
    change: (text) => text.replace('[orders]', '["$' + '{TEST_TOPICS}"]'),
    code: 'KB_CONFIG_UNSET_VARIABLE',
    says: ['backup.yaml:4:', 'TEST_TOPICS', 'Set the variable'],
  },
  {
    name: 'malformed YAML',
    change: (text) => text.replace('[orders]', '[orders'),
    code: INVALID,
    says: [/backup\.yaml:\d+: not valid YAML/],
  },
  {
    name: 'a value out of range',
    lines: ['  compression_level: 40'],
    code: INVALID,
    says: ['backup.yaml:10: backup.compression_level must be 1 to 22, not 40'],
  },
  {
    name: 'Kerberos',
    change: (text) =>
      text.replace(
        'topics:',
        `security: { security_protocol: SASL_SSL, sasl_mechanism: GSSAPI, sasl_username: me, sasl_password: "$` +
          '{KAFKA_PASSWORD}" }\n  topics:',
      ),
    code: INVALID,
    says: ['backup.yaml:4: source.security.sasl_mechanism'],
    env: { KAFKA_PASSWORD: SECRET },
  },
  {
    name: 'a folder for a store in memory',
    change: (text) => text.replace('backend: filesystem', 'backend: memory'),
    code: INVALID,
    says: ['backup.yaml:7: storage.path is for filesystem, and storage.backend is memory'],
  },
  {
    name: 'a key of another store',
    change: (text) =>
      text
        .replace('backend: filesystem', 'backend: s3')
        .replace('path: archive', 'bucket: b\n  account_name: a'),
    code: INVALID,
    says: ['storage.account_name is for azure, and storage.backend is s3'],
  },
  {
    name: 'several mistakes at once',
    lines: ['  compresion_level: 3', '  compression_level: 0', '  topic_refresh_interval_secs: 0'],
    code: 'KB_CONFIG_UNKNOWN_KEY',
    says: ['backup.yaml:10:', 'backup.yaml:11: backup.compression_level must be', 'backup.yaml:12:'],
  },
]

for (const { name, lines, change, code, says, env } of badFiles) {
  test(`a configuration file with ${name} is refused`, async () => {
    await writeFile(join(folder, 'backup.yaml'), fileText(lines, change))
    const { error } = await expectRefused(
      ['backup', '--config', 'backup.yaml'],
      { exitCode: 2, code, says },
      { folders: [folder], clusters: [cluster] },
      { cwd: folder, ...(env ? { env } : {}) },
    )
    assert.ok(!JSON.stringify(error).includes(SECRET))
  })
}

const badCommands: readonly (readonly [
  name: string,
  args: readonly string[],
  code: string,
  says: string[],
])[] = [
  ['a misspelt option', ['--topcs', 'orders'], 'KB_USAGE', ["'--topcs'", 'Did you mean --topics?']],
  ['an option without its value', ['--topics'], 'KB_USAGE', ['--topics <a,b>', 'missing']],
  ['a word that is no option', ['orders'], 'KB_USAGE', ['options only, not: orders']],
  ['an unknown format', ['--output-format', 'xml'], 'KB_USAGE', ['table, json or yaml, not "xml"']],
  ['a server without a port', ['--bootstrap-servers', 'broker'], INVALID, ['host:port', 'not broker']],
  ['a path for a URL', ['--repo', '/var/backups'], 'KB_LOCATION_INVALID', ['file:///var/backups']],
  ['a scheme of no store', ['--repo', 'ftp://x/y'], 'KB_LOCATION_INVALID', ['unknown scheme ftp', 'file://']],
  [
    'an object store with a slip',
    ['--repo', 's3://bucket/y?regio=eu-central-1'],
    'KB_LOCATION_INVALID',
    ['unknown parameter regio', 'Did you mean region?'],
  ],
  ['an impossible backup id', ['--backup-id', '../up'], INVALID, ['--backup-id must be']],
  [
    'a file that is absent',
    ['--config', 'no.yaml'],
    'KB_CONFIG_UNREADABLE',
    ['no.yaml', 'Check that the file exists'],
  ],
]

for (const [name, args, code, says] of badCommands) {
  test(`a command line with ${name} is refused`, async () => {
    const repo = args.includes('--repo') ? [] : ['--repo', pathToFileURL(join(folder, 'archive')).href]
    const id = args.includes('--backup-id') ? [] : ['--backup-id', 'daily']
    const format = args.includes('--output-format') ? [] : ['--output-format', 'json']
    const command = ['backup', ...repo, ...id, ...format, '--bootstrap-servers', cluster.bootstrap, ...args]
    const topics = args.includes('--topics') ? [] : ['--topics', 'orders']
    const run = [...command.slice(0, 1), ...topics, ...command.slice(1)]
    if (name === 'an unknown format') {
      const end = await expectExit(2, run)
      assert.match(end.stderr, /^Refused: .*table, json or yaml, not "xml"\. Nothing was started$/m)
      assert.equal(end.stdout, '')
      return
    }
    await expectRefused(run, { exitCode: 2, code, says }, { folders: [folder], clusters: [cluster] })
  })
}

test('settings that are missing are named all together', async () => {
  const scene = { folders: [folder] }
  await expectRefused(
    ['backup'],
    {
      exitCode: 2,
      code: INVALID,
      says: ['--repo file:///var/backups', '--backup-id daily', '--bootstrap-servers', '--topics'],
    },
    scene,
  )
  await expectRefused(
    ['restore'],
    { exitCode: 2, code: INVALID, says: ['--repo', '--backup-id', '--bootstrap-servers'] },
    scene,
  )
  const repo = pathToFileURL(folder).href
  for (const verb of ['status', 'describe', 'validate']) {
    const end = await expectExit(2, [verb, '--repo', repo, '--output-format', 'json'])
    assert.match(JSON.stringify(end.json()), /KB_CONFIG_INVALID.*--backup-id daily/)
  }
})

test('an unknown verb is refused with the one that was meant', async () => {
  const end = await expectExit(2, ['bakcup', '--topics', 'orders'])
  assert.match(end.stderr, /^Refused: unknown command 'bakcup'\. Did you mean backup\? Nothing was started$/m)
})

test('the file that is right backs up', async () => {
  await writeFile(join(folder, 'backup.yaml'), fileText())
  await expectExit(0, ['backup', '--config', 'backup.yaml'], { cwd: folder })
})
