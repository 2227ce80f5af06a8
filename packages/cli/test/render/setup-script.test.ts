import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { AclEntry, ClusterDocument, QuotaEntry, TopicsDocument } from '@kafka-backup/core'
import { renderSetupScript } from '../../src/render/setup-script.ts'
import { planSetup } from '../../src/setup-steps.ts'

const HOSTILE = [
  '$(touch pwned)',
  '`touch pwned`',
  "'; touch pwned; '",
  '"; touch pwned; "',
  'x\ntouch pwned\ny',
  '--add',
  '-x',
  '*',
  '~',
  '!!',
  'a\\',
  '%s%n',
  'a=b,c;d|e&f>pwned',
  'x\u001b[2J-',
  'ünïcode 群',
]
const SHELLS = ['sh', 'bash', 'dash'].filter((shell) => spawnSync(shell, ['-c', ':']).status === 0)
const TOOLS = ['kafka-topics', 'kafka-acls.sh', 'kafka-configs.sh']
// Fails for the words that FAKE_FAIL is one of.
const PROGRAM = `#!/bin/sh
printf '%s\\0' "\${0##*/}" "$@" '' >>"$FAKE_LOG"
for word in "$@"; do [ "$word" != "\${FAKE_FAIL:-}" ] || { echo 'no such luck'; exit 1; }; done
`

let home: string

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'kafka backup setup-'))
  await mkdir(join(home, 'bin'))
  for (const name of TOOLS) {
    await writeFile(join(home, 'bin', name), PROGRAM)
    await chmod(join(home, 'bin', name), 0o755)
  }
})

after(() => rm(home, { recursive: true, force: true }))

const HEADING = { backupId: 'daily', writer: '0badc0de', readAtMs: 0n, clusterId: 'c' }
const told = <Entry>(entries: readonly Entry[]) => ({ entries, unread: null, readAtMs: null })

function aclOf(changes: Partial<AclEntry>): AclEntry {
  return {
    ...{ resourceType: 'GROUP', resource: 'g', pattern: 'LITERAL', principal: 'User:alice' },
    ...{ host: '*', operation: 'READ', permission: 'ALLOW' },
    ...changes,
  }
}

function planOf(parts: {
  readonly acls?: readonly AclEntry[]
  readonly quotas?: readonly QuotaEntry[]
  readonly cluster?: Partial<ClusterDocument>
  readonly topics?: TopicsDocument['topics']
}) {
  const { acls = [], quotas = [], topics = [] } = parts
  const sections = { features: told([]), acls: told(acls), quotas: told(quotas), scramUsers: told([]) }
  const cluster = { ...HEADING, brokers: [], ...sections, ...parts.cluster } as ClusterDocument
  return planSetup({ state: {} as never, cluster, topics: { ...HEADING, topics } })
}

function topicOf(name: string, settings: Readonly<Record<string, string | null>> = {}) {
  const own = Object.entries(settings).map(([key, value]) => ({ name: key, value, source: 'topic' as const }))
  const shape = { name, topicId: null, partitions: 3, replicationFactor: 2 }
  return { ...shape, settings: own, unread: null, readAtMs: null }
}

async function run(
  plan: ReturnType<typeof planOf>,
  more: { isExecuting?: boolean; shell?: string; fail?: string } = {},
) {
  const { isExecuting = true, shell = 'sh', fail = '' } = more
  const options = { bootstrapServers: ["a'b:9092"], isExecuting, origin: ['made of\ntouch pwned'] }
  const log = join(home, 'calls')
  await writeFile(log, '')
  await writeFile(join(home, 'script'), renderSetupScript(plan, options))
  const env = { PATH: process.env.PATH, KAFKA_HOME: home, FAKE_LOG: log, FAKE_FAIL: fail }
  const end = spawnSync(shell, ['script'], { cwd: home, env, encoding: 'utf8', timeout: 30_000 })
  const calls = (await readFile(log, 'utf8')).split('\0\0').filter((call) => call !== '')
  assert.deepEqual((await readdir(home)).sort(), ['bin', 'calls', 'script'])
  // Each begins with the tool and where the cluster is.
  return { ...end, calls: calls.map((call) => call.split('\0')) }
}

for (const shell of SHELLS) {
  test(`names of principals, resources, users and clients are words and nothing else to ${shell}`, async () => {
    const acls = HOSTILE.map((name) => aclOf({ resource: name, principal: `User:${name}`, host: name }))
    const quotas = HOSTILE.map((name): QuotaEntry => {
      const entity = ['client-id', 'user'].map((type) => ({ type, name }))
      return { entity, key: 'producer_byte_rate', value: '5.5' }
    })
    const plan = planOf({ acls, quotas })
    const { status, stdout, stderr, calls } = await run(plan, { shell })
    assert.equal(status, 0, stdout + stderr)
    const words = calls.map(([, , server, ...rest]) => (server === "a'b:9092" ? rest : [server]))
    assert.deepEqual(words, [
      ...HOSTILE.map((name) => [
        ...['--add', `--allow-principal=User:${name}`, `--allow-host=${name}`, '--operation=Read'],
        ...['--resource-pattern-type=literal', `--group=${name}`],
      ]),
      ...HOSTILE.map((name) => [
        ...['--alter', `--client=${name}`, `--user=${name}`, '--add-config=producer_byte_rate=5.5'],
      ]),
    ])
    assert.match(stdout, new RegExp(`^Steps done: ${2 * HOSTILE.length}. Not done: 0.$`, 'm'))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is printed is what is looked at
    assert.doesNotMatch(stdout, /[\0-\x09\x0b-\x1f]/)
  })
}

test('shellcheck has nothing to say', async (t) => {
  if (spawnSync('shellcheck', ['--version']).status !== 0) return t.skip('no shellcheck on the PATH')
  const plan = planOf({ acls: HOSTILE.map((resource) => aclOf({ resource })), topics: [topicOf('orders')] })
  const input = renderSetupScript(plan, { bootstrapServers: ['a:1'], isExecuting: true, origin: [] })
  const { status, stdout } = spawnSync('shellcheck', ['-'], { input, encoding: 'utf8' })
  assert.equal(status, 0, stdout)
})

test('a script does nothing unless it was written to, and says what it would do', async () => {
  const { status, stdout, calls } = await run(planOf({ topics: [topicOf('orders')] }), { isExecuting: false })
  assert.deepEqual([status, calls], [0, []])
  assert.match(stdout, /^Would do: topic orders: 3 partitions, replication factor 2$/m)
  assert.match(stdout, /^Steps: 1. Nothing was changed/m)
})

test('one step that fails is told, and keeps no other from being done', async () => {
  const plan = planOf({ topics: [topicOf('a'), topicOf('b')] })
  const { status, stdout, stderr, calls } = await run(plan, { fail: '--topic=a' })
  assert.deepEqual([status, calls.length], [1, 2])
  assert.match(stderr, /^NOT DONE: topic a: .*\nno such luck$/m)
  assert.match(stdout, /^Steps done: 1. Not done: 1.$/m)
})

test('ACLs that differ in the operation or the name of a resource only are one call', () => {
  const acls = [
    aclOf({ resourceType: 'TOPIC', resource: 'a', operation: 'DESCRIBE_CONFIGS' }),
    aclOf({ resourceType: 'TOPIC', resource: 'a', operation: 'READ' }),
    aclOf({ resourceType: 'TOPIC', resource: 'b', operation: 'DESCRIBE_CONFIGS' }),
    aclOf({ resourceType: 'TOPIC', resource: 'b', operation: 'READ' }),
    aclOf({ resourceType: 'TOPIC', resource: 'c', operation: 'READ' }),
    aclOf({ resourceType: 'CLUSTER', resource: 'kafka-cluster', operation: 'ALL', permission: 'DENY' }),
    aclOf({ pattern: 'PREFIXED' }),
  ]
  const { steps, left } = planOf({ acls })
  assert.deepEqual(
    steps.map(({ words }) => words.slice(1).join(' ')),
    [
      '--allow-principal=User:alice --allow-host=* --operation=DescribeConfigs --operation=Read --resource-pattern-type=literal --topic=a --topic=b',
      '--allow-principal=User:alice --allow-host=* --operation=Read --resource-pattern-type=literal --topic=c',
      '--deny-principal=User:alice --deny-host=* --operation=All --resource-pattern-type=literal --cluster',
      '--allow-principal=User:alice --allow-host=* --operation=Read --resource-pattern-type=prefixed --group=g',
    ],
  )
  assert.deepEqual(left, [])
  const names = Array.from({ length: 101 }, (_, at) => `g${at}`)
  const many = planOf({ acls: names.map((resource) => aclOf({ resource })) })
  const said = many.steps.map(({ words }) => words.filter((word) => word.startsWith('--group=')))
  assert.deepEqual(
    said.map((own) => own.length),
    [50, 50, 1],
  )
  assert.deepEqual(
    said.flat(),
    names.map((name) => `--group=${name}`),
  )
})

test('quotas of each kind of entity have their flags', () => {
  const entities = [
    [{ type: 'user', name: null }],
    [
      { type: 'client-id', name: null },
      { type: 'user', name: 'bob' },
    ],
    [{ type: 'ip', name: '10.0.0.1' }],
    [{ type: 'ip', name: null }],
  ]
  const quotas = entities.map((entity) => ({ entity, key: 'k', value: '1' }))
  assert.deepEqual(
    planOf({ quotas }).steps.map(({ words }) => words.slice(1, -1)),
    [['--user-defaults'], ['--client-defaults', '--user=bob'], ['--ip=10.0.0.1'], ['--ip-defaults']],
  )
})

test('what no tool can say is named and left out', () => {
  const acls = [
    aclOf({ resource: ' padded' }),
    aclOf({ principal: 'User:a\0b' }),
    aclOf({ resource: 'a\0b' }),
    aclOf({ principal: 'nobody' }),
    aclOf({ operation: 'UNKNOWN_99' }),
    aclOf({ resourceType: 'UNKNOWN_9' }),
    aclOf({ pattern: 'UNKNOWN_9' }),
  ]
  const quotas = [
    { entity: [{ type: 'planet', name: 'x' }], key: 'k', value: '1' },
    { entity: [{ type: 'user', name: 'x' }], key: 'a=1,b', value: '1' },
    { entity: [{ type: 'user', name: 'a\0b' }], key: 'k', value: '1' },
  ]
  const topics = [topicOf('t', { a: 'x=y', b: null, c: '', d: ' e', f: 'fine', g: 'x\0y' })]
  const ofBroker = { name: 'h', value: '5', source: 'broker' as const }
  const mixed = topics.map((topic) => ({ ...topic, settings: [...topic.settings, ofBroker] }))
  const { steps, left } = planOf({ acls, quotas, topics: mixed })
  assert.deepEqual(
    steps.map(({ words }) => words.at(-1)),
    ['--config=f=fine'],
  )
  assert.equal(left.length, acls.length + quotas.length + 5)
  assert.ok(left.every(({ isMissing }) => isMissing))
})

test('what was not read is missing, what is carried over is set up, and secrets are nobody’s', () => {
  const scramUsers = told([
    { user: 'bob\n', mechanism: 'SCRAM-SHA-256', iterations: 4096 },
    { user: 'bob\n', mechanism: 'SCRAM-SHA-512', iterations: 8192 },
  ])
  const denied = 'CLUSTER_AUTHORIZATION_FAILED'
  const cluster = {
    acls: { entries: [aclOf({})], unread: 'NO_ENTRIES', readAtMs: 1n },
    quotas: { entries: null, unread: denied, readAtMs: null },
    scramUsers,
  }
  const topics = [topicOf('__consumer_offsets'), { ...topicOf('gone'), unread: 'UNKNOWN_TOPIC_OR_PARTITION' }]
  const { steps, left } = planOf({ cluster, topics })
  assert.equal(steps.length, 1)
  assert.deepEqual(
    left.map(({ what, isMissing }) => [what, isMissing]),
    [
      ['topic __consumer_offsets', false],
      ['topic gone', false],
      ['ACLs', false],
      ['client quotas', true],
      ['SCRAM user "bob\\n"', false],
    ],
  )
  assert.match(left.at(-1)?.reason ?? '', /SCRAM-SHA-256, 4096 iterations; SCRAM-SHA-512, 8192 iterations/)
})
