import assert from 'node:assert/strict'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import {
  GUEST_USER,
  type KafkaCluster,
  LATEST_KAFKA,
  type SecureCluster,
  SourceDriver,
  startSecureCluster,
} from '@kafka-backup/testkit'
import { API_KEY } from '../../packages/core/src/kafka/api-versions.ts'
import { openCluster } from '../../packages/core/src/kafka/client-cluster.ts'
import {
  DESCRIBE_ACLS,
  DESCRIBE_CLIENT_QUOTAS,
  DESCRIBE_SCRAM_USERS,
} from '../../packages/core/src/kafka/facts-requests.ts'
import { openAdvertisedProxy } from '../../packages/core/test/kafka/advertised-proxy.ts'
import { type Archive, backupArgs, expectExit } from '../harness/archive.ts'
import { kafkaHome, runScript } from '../harness/tool-scripts.ts'
import { configFor, prepareDoors } from '../security/secure-doors.ts'
import { type SeedAcl, SeededCluster, type SeedQuota } from './seed-cluster.ts'

interface Section<Entry> {
  readonly entries: readonly Entry[] | null
  readonly unread: string | null
  readonly read_at: string | null
}

interface Description {
  readonly cluster_id: string
  readonly brokers: readonly { readonly id: number; readonly rack: string | null }[]
  readonly finalized_features: Section<{ readonly name: string; readonly level: number }>
  readonly acls: Section<Record<string, string>>
  readonly quotas: Section<{ readonly entity: unknown; readonly key: string; readonly value: string }>
  readonly scram_users: Section<{ user: string; mechanism: string; iterations: number }>
}

interface Comparison {
  readonly verdict: string
  readonly differences: readonly Record<string, unknown>[]
  readonly not_compared: readonly { readonly part: string; readonly side: string; readonly reason: string }[]
}

const TOPIC = 'orders'
/** What shells, terminals and Java in the locale C get wrong. */
const HOSTILE = `it's "half", $(touch pwned) \`touch pwned\` a=b;c|d>e \\ ünï 群\n--execute`
const READ = 3
const WRITE = 4
const DESCRIBE = 8
const DESCRIBE_CONFIGS = 10
const OF_TOPIC = { resourceType: 2, resourcePatternType: 3, host: '*', permissionType: 3 } as const
const GUEST = `User:${GUEST_USER.name}`

const ACLS: readonly SeedAcl[] = [
  ...([READ, DESCRIBE, DESCRIBE_CONFIGS] as const).map((operation) => {
    return { ...OF_TOPIC, resourceName: TOPIC, principal: GUEST, operation }
  }),
  { ...OF_TOPIC, resourceName: '*', principal: `User:${HOSTILE}`, host: '10.0.0.1', operation: WRITE },
  {
    ...OF_TOPIC,
    resourceType: 3,
    resourceName: HOSTILE,
    principal: GUEST,
    operation: READ,
    permissionType: 2,
  },
  {
    ...OF_TOPIC,
    resourceType: 5,
    resourceName: '--add',
    resourcePatternType: 4,
    principal: GUEST,
    operation: WRITE,
  },
  {
    ...OF_TOPIC,
    resourceType: 4,
    resourceName: 'kafka-cluster',
    principal: 'User:*',
    operation: 2,
    permissionType: 2,
  },
]
const QUOTAS: readonly SeedQuota[] = [
  {
    entities: [
      { entityType: 'user', entityName: HOSTILE },
      { entityType: 'client-id', entityName: `-x ${HOSTILE}` },
    ],
    key: 'producer_byte_rate',
    value: 1_048_577,
  },
  {
    entities: [
      { entityType: 'user', entityName: 'bob' },
      { entityType: 'client-id', entityName: null },
    ],
    key: 'request_percentage',
    value: 12.25,
  },
  { entities: [{ entityType: 'user', entityName: null }], key: 'consumer_byte_rate', value: 5e10 },
  { entities: [{ entityType: 'ip', entityName: '127.0.0.9' }], key: 'connection_creation_rate', value: 7 },
]
/** The accounts of the listeners have two credentials each. */
const NEW_USER = { name: HOSTILE, mechanism: 2, iterations: 8_192 } as const

let older: SecureCluster
let newer: SecureCluster
let seed: SeededCluster
let newerSeed: SeededCluster
let driver: SourceDriver
let archive: Archive
let reverse: Archive
let guestConfig: string

before(async () => {
  const properties = { 'broker.rack': 'rack a' }
  ;[older, newer] = await Promise.all([
    startSecureCluster({ version: '3.9.1', properties }),
    startSecureCluster({ version: LATEST_KAFKA, properties }),
  ])
  const { cluster } = older
  seed = new SeededCluster(cluster)
  newerSeed = new SeededCluster(newer.cluster)
  driver = new SourceDriver(cluster)
  archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
  reverse = { ...archive, backupId: 'reverse' }
  await driver.createTopic(TOPIC, { replicas: 3, config: { 'retention.ms': '77000' } })
  await driver.createTopic('payments', { replicas: 1, config: { 'cleanup.policy': 'compact,delete' } })
  await driver.write({ topic: TOPIC, partition: 0, label: 'a', records: 10 })
  await seed.addAcls(ACLS)
  await seed.setQuotas(QUOTAS)
  await seed.setUsers([NEW_USER])
  const folder = join(cluster.folder, 'conf')
  await mkdir(folder)
  const doors = await prepareDoors(older, folder)
  const security = { ...doors.account('PLAIN', GUEST_USER.password), sasl_username: GUEST_USER.name }
  guestConfig = await configFor(older, folder, 'source', { listener: 'PLAIN', security })
})

after(async () => {
  await driver?.[Symbol.asyncDispose]()
  await seed?.[Symbol.asyncDispose]()
  await newerSeed?.[Symbol.asyncDispose]()
  await Promise.all([older?.[Symbol.asyncDispose](), newer?.[Symbol.asyncDispose]()])
})

function placeOf({ folder, backupId }: Archive): string[] {
  return ['--repo', pathToFileURL(folder).href, '--backup-id', backupId]
}

async function describeCluster(...more: string[]): Promise<Description> {
  const args = ['describe', '--cluster', ...placeOf(archive), '--output-format', 'json', ...more]
  return (await expectExit(0, args)).json<Description>()
}

async function diff(exitCode: number, own: Archive, ...more: string[]): Promise<Comparison> {
  const args = ['diff', ...placeOf(own), '--output-format', 'json', ...more]
  return (await expectExit(exitCode, args)).json<Comparison>()
}

/** The backup as it was when everything could be read, with another cluster. */
function diffWith(exitCode: number, own: Archive, { bootstrap }: KafkaCluster): Promise<Comparison> {
  return diff(exitCode, own, '--as-of-commit', '1', '--against-cluster', '--bootstrap-servers', bootstrap)
}

let scripts = 0

async function runPlan(own: Archive, { cluster }: SecureCluster, shell: string, ...more: string[]) {
  const file = join(older.cluster.folder, `setup-${++scripts}.sh`)
  const where = ['--bootstrap-servers', cluster.bootstrap, '--output', file]
  const written = await expectExit(0, ['cluster', 'plan', ...placeOf(own), ...where, ...more])
  assert.match(written.stdout, /SCRAM user .*needs a new secret: SCRAM-SHA-512, 8192 iterations/)
  const home = await kafkaHome(cluster)
  const end = await runScript(file, home, shell)
  assert.deepEqual(await readdir(home), ['bin'], 'no name was run as a command')
  return end
}

test('a run describes the cluster that it reads, and says nothing twice', async () => {
  const end = await expectExit(0, backupArgs(older.cluster, archive, [TOPIC, 'payments']))
  const report = end.json<{ readonly cluster_description: unknown }>().cluster_description
  const counts = { brokers: 1, acls: ACLS.length, quotas: QUOTAS.length, scram_users: 5 }
  assert.deepEqual(report, { ...counts, unread: [], failure: null })
  const told = await describeCluster()
  assert.equal(told.cluster_id, older.cluster.clusterId)
  assert.deepEqual(
    told.brokers.map(({ id, rack }) => [id, rack]),
    [[1, 'rack a']],
  )
  const level = told.finalized_features.entries?.find(({ name }) => name === 'metadata.version')?.level
  assert.equal(level, 21, 'that of 3.9')
  assert.equal(told.acls.entries?.length, ACLS.length)
  assert.deepEqual(told.acls.entries?.[1], {
    ...{ resource_type: 'GROUP', resource: HOSTILE, pattern: 'LITERAL', principal: GUEST, host: '*' },
    ...{ operation: 'READ', permission: 'DENY' },
  })
  assert.deepEqual(
    new Set(told.quotas.entries?.map(({ key, value }) => `${key}=${value}`)),
    new Set(QUOTAS.map(({ key, value }) => `${key}=${value}`)),
  )
  assert.deepEqual(
    told.scram_users.entries?.find(({ user }) => user === HOSTILE),
    { user: HOSTILE, mechanism: 'SCRAM-SHA-512', iterations: 8_192 },
  )
  const [table, yaml] = await Promise.all(
    ['table', 'yaml'].map((format) =>
      expectExit(0, ['describe', '--cluster', ...placeOf(archive), '--output-format', format]),
    ),
  )
  assert.match(table?.stdout ?? '', /^ALLOW +WRITE +TOPIC +\* +LITERAL +"User:it's/m)
  assert.match(table?.stdout ?? '', /^orders +retention\.ms +77000$/m)
  assert.match(yaml?.stdout ?? '', /^kind: cluster_description$/m)
  // Nothing has changed: there is no second document.
  await expectExit(0, backupArgs(older.cluster, archive, [TOPIC, 'payments']))
  const folder = join(archive.folder, archive.backupId, 'artifacts', 'cluster')
  assert.equal((await readdir(folder)).length, 1)
  assert.equal((await diff(0, archive, '--since-commit', '1')).verdict, 'equal')
})

test('brokers that speak older versions tell the same, and what they do not speak is named', async () => {
  const port = older.cluster.broker(1).port
  const factsAt = async (versions: readonly (readonly [key: number, max: number | null])[]) => {
    const offered = versions.map(([key, max]) => [key, max === null ? null : { min: 0, max }] as const)
    await using proxy = await openAdvertisedProxy(port, { versions: new Map(offered) })
    const client = openCluster({ bootstrapServers: [`127.0.0.1:${proxy.port}`], clientId: 'test' })
    const { brokers: _, ...facts } = await client.clusterFacts().finally(() => client.close())
    const used = versions.flatMap(([wanted]) => proxy.requests.filter(([key]) => key === wanted))
    return { facts, used: used.map(([, version]) => version) }
  }
  const { facts } = await factsAt([])
  assert.equal(facts.acls.entries?.length, ACLS.length)
  for (const { key, firstVersion, codecs } of [DESCRIBE_ACLS, DESCRIBE_CLIENT_QUOTAS]) {
    for (const version of codecs.map((_, at) => firstVersion + at))
      assert.deepEqual(await factsAt([[key, version]]), { facts, used: [version] })
  }
  const hidden = [DESCRIBE_ACLS, DESCRIBE_CLIENT_QUOTAS, DESCRIBE_SCRAM_USERS].map(
    ({ key }) => [key, null] as const,
  )
  const unread = { entries: null, unread: 'UNSUPPORTED_VERSION' }
  const old = await factsAt([...hidden, [API_KEY.apiVersions, 2]])
  const { clusterId } = facts
  assert.deepEqual(old.facts, {
    clusterId,
    features: unread,
    acls: unread,
    quotas: unread,
    scramUsers: unread,
  })
})

test('what an account may not read is named, and replaces nothing that is known', async () => {
  const json = ['--output-format', 'json']
  const args = ['backup', '--config', guestConfig, '--topics', TOPIC, ...placeOf(archive), ...json]
  const end = await expectExit(0, args)
  const denied = 'CLUSTER_AUTHORIZATION_FAILED'
  const { unread, failure } = end.json<{
    cluster_description: { unread: unknown; failure: unknown }
  }>().cluster_description
  assert.equal(failure, null)
  assert.deepEqual(
    unread,
    ['acls', 'quotas', 'scram_users'].map((section) => ({ section, reason: denied })),
  )
  assert.match(
    end.stderr,
    /Not read: ACLs, SCRAM users: CLUSTER_AUTHORIZATION_FAILED \(the account lacks Describe on the cluster\)/,
  )
  const told = await describeCluster()
  assert.deepEqual([told.acls.unread, told.acls.entries?.length], [denied, ACLS.length])
  assert.notEqual(told.acls.read_at, null)
  assert.deepEqual([told.finalized_features.unread, told.quotas.entries?.length], [null, QUOTAS.length])
  const { verdict, not_compared } = await diff(3, archive, '--since-commit', '1')
  assert.equal(verdict, 'incomplete')
  assert.deepEqual(
    not_compared.filter(({ side, reason }) => side === 'after' && reason === denied).map(({ part }) => part),
    ['acls', 'quotas', 'scram_users'],
  )
  const fresh = { ...archive, backupId: 'guest' }
  await expectExit(0, ['backup', '--config', guestConfig, '--topics', TOPIC, ...placeOf(fresh), ...json])
  const plan = ['cluster', 'plan', ...placeOf(fresh), '--bootstrap-servers', newer.cluster.bootstrap]
  const planned = await expectExit(3, plan)
  assert.match(planned.stderr, /^Left out: ACLs: not read \(CLUSTER_AUTHORIZATION_FAILED\)$/m)
  const off = ['--capture-cluster-description', 'false']
  const silent = await expectExit(0, [...args, ...off])
  assert.equal(silent.json<{ cluster_description: unknown }>().cluster_description, null)
})

test('a plan of a 3.9 cluster, run by sh, makes an empty 4.x cluster equal but for secrets', async () => {
  const trying = await runPlan(archive, newer, 'sh')
  assert.equal(trying.exitCode, 0, trying.stderr)
  assert.match(trying.stdout, /^Steps: \d+. Nothing was changed/m)
  const missing = await diffWith(4, archive, newer.cluster)
  const users = missing.differences.filter(({ part }) => part === 'scram_user')
  assert.deepEqual(users, [
    { part: 'scram_user', user: HOSTILE, mechanism: 'SCRAM-SHA-512', before: '8192', after: null },
  ])
  assert.equal(missing.differences.length, 2 + ACLS.length + QUOTAS.length + 1)

  // The newest state of the backup is that of the guest, who could read none of it.
  const doing = await runPlan(archive, newer, 'sh', '--execute')
  assert.equal(doing.exitCode, 0, doing.stdout + doing.stderr)
  assert.match(doing.stdout, /Not done: 0\.$/m)
  assert.deepEqual((await diffWith(4, archive, newer.cluster)).differences, users)
  await newerSeed.setUsers([NEW_USER])
  assert.equal((await diffWith(0, archive, newer.cluster)).verdict, 'equal')
})

test('a plan of a 4.x cluster, run by bash, brings back what a 3.9 cluster has lost', async () => {
  // Each step starts a Java: the strangest names are enough this time.
  await newerSeed.deleteAcls()
  await newerSeed.addAcls(ACLS.slice(3, 5))
  await newerSeed.setQuotas(QUOTAS.slice(1).map((quota) => ({ ...quota, value: null })))
  await expectExit(0, backupArgs(newer.cluster, reverse, [TOPIC, 'payments']))
  await seed.deleteAcls()
  await seed.setQuotas(QUOTAS.map((quota) => ({ ...quota, value: null })))
  const lost = await diffWith(4, reverse, older.cluster)
  assert.deepEqual(
    new Set(lost.differences.map(({ part, after: now }) => `${part} ${now}`)),
    new Set(['acl null', 'quota null']),
  )
  // The cluster says that it has none: what is known stays known.
  await expectExit(0, backupArgs(older.cluster, archive, [TOPIC, 'payments']))
  const told = await describeCluster()
  assert.deepEqual([told.acls.unread, told.acls.entries?.length], ['NO_ENTRIES', ACLS.length])
  const gone = await diff(4, archive, '--since-commit', '1')
  assert.equal(gone.differences.length, ACLS.length + QUOTAS.length)

  const doing = await runPlan(reverse, older, 'bash', '--execute')
  assert.equal(doing.exitCode, 0, doing.stdout + doing.stderr)
  assert.equal((await diffWith(0, reverse, older.cluster)).verdict, 'equal')
})

test('a later run is compared with an earlier one, thing by thing', async () => {
  const before = await expectExit(0, backupArgs(older.cluster, archive, [TOPIC, 'payments']))
  const since = ['--since-commit', before.json<{ commit: string }>().commit]
  await older.cluster.tools.alterTopicConfig(TOPIC, { 'retention.ms': '88000' })
  await seed.setQuotas([{ ...(QUOTAS[0] as SeedQuota), value: 9 }])
  const added: SeedAcl = { ...OF_TOPIC, resourceName: 'payments', principal: GUEST, operation: READ }
  await seed.addAcls([added])
  await expectExit(0, backupArgs(older.cluster, archive, [TOPIC, 'payments']))
  const { differences } = await diff(4, archive, ...since)
  assert.deepEqual(
    differences.map(({ part, before: was, after: is }) => [part, was, is]),
    [
      ['setting', '77000', '88000'],
      ['acl', null, 'present'],
      ['quota', '1048577', '9'],
    ],
  )
  const table = await expectExit(4, ['diff', ...placeOf(archive), ...since])
  assert.match(table.stdout, /^setting +orders retention\.ms +77000 +88000$/m)
  assert.match(table.stdout, /^Differs {5}3 differences/m)
})
