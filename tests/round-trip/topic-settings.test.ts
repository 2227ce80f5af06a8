import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openCluster } from '@kafka-backup/core'
import { fillTopics, type KafkaCluster, openKafkaProxy, startKafkaCluster } from '@kafka-backup/testkit'
import { expectRefused } from '../bad-input/evidence.ts'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'

const DAY_MS = 86_400_000
const CREATE_TOPICS = 19
/** Records that are too old for their topic stay until they are backed up. */
const UNHURRIED = {
  'log.retention.check.interval.ms': String(DAY_MS),
  'log.initial.task.delay.ms': String(DAY_MS),
}
const TOPICS = ['compacted', 'stamped', 'aged', 'plain'] as const
type Settings = Readonly<Record<string, string>>

const OWN: Readonly<Record<(typeof TOPICS)[number], Settings>> = {
  compacted: {
    'cleanup.policy': 'compact,delete',
    'max.message.bytes': '2000000',
    'min.insync.replicas': '1',
    'retention.bytes': '50000000',
    'retention.ms': String(400 * DAY_MS),
  },
  stamped: { 'message.timestamp.type': 'LogAppendTime', 'segment.bytes': '20000000' },
  aged: { 'retention.ms': String(DAY_MS) },
  plain: {},
}
/** What a restore gives a topic for which nobody says otherwise. */
const LASTING: Settings = {
  'message.timestamp.type': 'CreateTime',
  'retention.bytes': '-1',
  'retention.ms': '-1',
}

interface Note {
  readonly topic: string
  readonly name: string
  readonly kind: string
  readonly captured: string
  readonly value: string | null
  readonly reason: string | null
}

let source: KafkaCluster
/** Kafka 4 does not know every setting of Kafka 3. */
let target: KafkaCluster
let archive: Archive

before(async () => {
  ;[source, target] = await Promise.all([
    startKafkaCluster({ version: '3.9.1', properties: UNHURRIED }),
    startKafkaCluster({ version: '4.2.1' }),
  ])
  archive = { folder: join(source.folder, 'archive'), backupId: 'daily' }
  const spec = (topic: (typeof TOPICS)[number]) => ({ partitions: 2, config: OWN[topic] })
  await createTopics(source, Object.fromEntries(TOPICS.map((topic) => [topic, spec(topic)])))
  const age = Date.now() - 30 * DAY_MS
  await fillTopics(
    source,
    TOPICS.map((topic) => ({
      topic,
      records: 200,
      ...(topic === 'aged' ? { beginTimestampMs: age } : { beginTimestampMs: Date.now() - 200 }),
    })),
  )
  await source.tools.alterTopicConfig('plain', { 'message.format.version': '3.0-IV1' })
  // More than there are: a slip that a topic with one replica lives with since Kafka 3.7.
  await source.tools.alterTopicConfig('compacted', { 'min.insync.replicas': '2' })
  await expectExit(0, backupArgs(source, archive, TOPICS))
})

after(() => Promise.all([source?.close(), target?.close()]))

test('a description shows the settings of each topic, as of each commit', async () => {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const { stdout } = await expectExit(0, ['describe', ...place])
  assert.match(stdout, /^compacted +cleanup\.policy +compact,delete$/m)
  assert.match(stdout, /^stamped +message\.timestamp\.type +LogAppendTime$/m)
  const [first] = (await describedTopics(1)).filter(({ topic }) => topic === 'compacted')
  assert.deepEqual([first?.partitions, first?.replication_factor], [2, 1])
  assert.ok(first?.settings?.some(({ name, source: place }) => name === 'retention.ms' && place === 'topic'))
  assert.ok(!first?.settings?.some(({ name }) => name === 'preallocate'), 'defaults are left out')
  await source.tools.alterTopicConfig('aged', { 'retention.ms': String(2 * DAY_MS) })
  // Another choice of topics takes nothing away from what is known of the others.
  await expectExit(0, backupArgs(source, archive, ['aged']))
  assert.equal(retentionIn(await describedTopics(1), 'aged'), String(DAY_MS))
  const now = await describedTopics()
  assert.equal(retentionIn(now, 'aged'), String(2 * DAY_MS))
  assert.equal(retentionIn(now, 'compacted'), String(400 * DAY_MS))
  await source.tools.alterTopicConfig('aged', { 'retention.ms': String(DAY_MS) })
  await expectExit(0, backupArgs(source, archive, ['aged']))
  await expectExit(0, backupArgs(source, archive, TOPICS))
  assert.equal((await artifactsOf()).length, 3, 'what says nothing new is not written')
})

test('topics that a restore creates have the settings of their sources, and what they cannot have is told', async () => {
  const names = new Map(TOPICS.map((topic) => [topic, `${topic}-copy`]))
  const args = [...restoreArgs(target, archive, names), '--verify']
  const plan = await expectExit(0, [...args, '--dry-run'])
  const report = await expectExit(0, args)
  const notes = report.json<{ setting_notes: Note[] }>().setting_notes
  assert.deepEqual(plan.json<{ setting_notes: Note[] }>().setting_notes, notes)
  assert.deepEqual(
    notes.map(({ topic, name, kind, captured, value }) => [topic, name, kind, captured, value]).sort(),
    [
      ['aged-copy', 'retention.ms', 'changed', String(DAY_MS), '-1'],
      ['compacted-copy', 'min.insync.replicas', 'changed', '2', '1'],
      ['plain-copy', 'message.format.version', 'left_out', '3.0-IV1', null],
    ],
  )
  assert.match(
    report.stderr,
    /plain-copy: not message\.format\.version=3\.0-IV1: the target does not know it/,
  )
  assert.deepEqual(await overridesOf(target, 'compacted-copy'), {
    ...LASTING,
    ...OWN.compacted,
    'min.insync.replicas': '1',
  })
  assert.deepEqual(await overridesOf(target, 'stamped-copy'), { ...LASTING, ...OWN.stamped })
  assert.deepEqual(await overridesOf(target, 'plain-copy'), LASTING)
  // One day would leave nothing of records that are a month old.
  assert.deepEqual(await overridesOf(target, 'aged-copy'), LASTING)
})

test('who holds retention gets it back, and who wants no settings gets none', async () => {
  const aged = (name: string) => restoreArgs(target, archive, new Map([['aged', name]]))
  await expectExit(0, [...aged('aged-held'), '--hold-retention'])
  assert.deepEqual(await overridesOf(target, 'aged-held'), { ...LASTING, ...OWN.aged })
  // What it had then, and not what it has now.
  await expectExit(0, [...aged('aged-then'), '--hold-retention', '--as-of-commit', '2'])
  assert.equal((await overridesOf(target, 'aged-then'))['retention.ms'], String(2 * DAY_MS))
  const stamped = restoreArgs(target, archive, new Map([['stamped', 'stamped-bare']]))
  await expectExit(0, [...stamped, '--restore-topic-configs', 'false'])
  assert.deepEqual(await overridesOf(target, 'stamped-bare'), LASTING)
})

test('what somebody gives beats what the source had', async () => {
  const path = join(target.folder, 'given.yaml')
  const given = { 'cleanup.policy': 'delete', 'max.message.bytes': '3000000' }
  // JSON is YAML.
  await writeFile(path, JSON.stringify({ restore: { topic_config_overrides: given } }))
  const args = restoreArgs(target, archive, new Map([['compacted', 'compacted-given']]))
  await expectExit(0, [...args, '--config', path])
  const { 'min.insync.replicas': _, ...own } = OWN.compacted
  assert.deepEqual(await overridesOf(target, 'compacted-given'), {
    ...LASTING,
    ...own,
    'min.insync.replicas': '1',
    ...given,
  })
})

test('a restore that was killed puts in place what it held when it is gone on with', async () => {
  const args = [...restoreArgs(target, archive, new Map([['stamped', 'stamped-killed']])), '--resume']
  const program = startProgram([...args, '--rate-limit-records-per-sec', '20'])
  await until('the topic is there', async () => {
    return program.child.exitCode !== null || (await topicNames(target)).includes('stamped-killed')
  })
  program.child.kill('SIGKILL')
  await program.ended
  assert.equal((await overridesOf(target, 'stamped-killed'))['message.timestamp.type'], 'CreateTime')
  await expectExit(0, [...args, '--verify'])
  assert.deepEqual(await overridesOf(target, 'stamped-killed'), { ...LASTING, ...OWN.stamped })
})

test('a restore that was killed before its topic was there is gone on with, and is the same one', async () => {
  await using proxy = await openKafkaProxy(target)
  const ledgers = join(archive.folder, archive.backupId, 'restores')
  const before = await readdir(ledgers)
  const hasBegun = () => readdirSync(ledgers).length > before.length
  let isHeld = false
  proxy.setFate(({ apiKey }) => {
    // Creations before it are trials.
    if (apiKey !== CREATE_TOPICS || !hasBegun()) return 'pass'
    isHeld = true
    return 'hold'
  })
  const names = new Map([['stamped', 'stamped-late']])
  const program = startProgram([...restoreArgs(proxy, archive, names), '--resume'])
  await until('the restore creates its topic', () => program.child.exitCode !== null || isHeld)
  program.child.kill('SIGKILL')
  await program.ended
  const [own] = (await readdir(ledgers)).filter((name) => !before.includes(name))
  const end = await expectExit(0, [...restoreArgs(target, archive, names), '--resume'])
  assert.equal(end.json<{ restore_id: string }>().restore_id, own)
  assert.deepEqual(await overridesOf(target, 'stamped-late'), { ...LASTING, ...OWN.stamped })
})

test('existing topics keep, refuse or get what their sources had', async () => {
  const config = { 'max.message.bytes': '1500000', 'retention.ms': '-1' }
  await createTopics(target, {
    'compacted-kept': { partitions: 2, config },
    'stamped-changed': { partitions: 2, config },
  })
  const args = restoreArgs(target, archive, new Map([['compacted', 'compacted-kept']]))
  const scene = { folders: [archive.folder], clusters: [target] }
  await expectRefused(
    [...args, '--existing-topic-config-policy', 'fail'],
    {
      exitCode: 5,
      code: 'KB_TARGET_UNSUITABLE',
      says: [
        'topic compacted-kept has',
        'cleanup.policy=delete (source: compact,delete)',
        'max.message.bytes=1500000 (source: 2000000)',
      ],
    },
    scene,
  )
  const kept = await expectExit(0, args)
  const notes = kept.json<{ setting_notes: Note[] }>().setting_notes
  assert.ok(notes.every(({ kind }) => kind === 'differs'))
  assert.ok(notes.some(({ name, value }) => name === 'max.message.bytes' && value === '1500000'))
  assert.deepEqual(await overridesOf(target, 'compacted-kept'), config)
  const other = restoreArgs(target, archive, new Map([['stamped', 'stamped-changed']]))
  await expectExit(0, [...other, '--existing-topic-config-policy', 'apply', '--verify'])
  assert.deepEqual(await overridesOf(target, 'stamped-changed'), { ...config, ...OWN.stamped })
})

test('settings that the backup does not have are not taken for those that a topic has', async () => {
  const bare = { ...archive, backupId: 'bare' }
  await expectExit(0, [...backupArgs(source, bare, ['stamped']), '--capture-topic-configs', 'false'])
  await createTopics(target, { 'stamped-unknown': { partitions: 2, config: { 'retention.ms': '-1' } } })
  const args = restoreArgs(target, bare, new Map([['stamped', 'stamped-unknown']]))
  const policy = (name: string) => [...args, '--existing-topic-config-policy', name]
  await expectRefused(
    policy('fail'),
    {
      exitCode: 5,
      code: 'KB_TARGET_UNSUITABLE',
      says: ['topic stamped-unknown cannot be compared', 'the backup has none'],
    },
    { folders: [bare.folder], clusters: [target] },
  )
  const applied = await expectExit(0, [...policy('apply'), '--dry-run'])
  const notes = applied.json<{ setting_notes: Note[] }>().setting_notes
  assert.deepEqual(
    notes.map(({ topic, name, kind, reason }) => [topic, name, kind, reason]),
    [['stamped-unknown', '*', 'differs', 'the backup has none']],
  )
  // Nobody asked for them.
  const kept = await expectExit(0, [...args, '--dry-run'])
  assert.deepEqual(kept.json<{ setting_notes: Note[] }>().setting_notes, [])
})

interface DescribedTopic {
  readonly topic: string
  readonly partitions: number
  readonly replication_factor: number
  readonly settings:
    | readonly { readonly name: string; readonly value: string; readonly source: string }[]
    | null
}

async function describedTopics(commit?: number): Promise<readonly DescribedTopic[]> {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const then = commit === undefined ? [] : ['--as-of-commit', String(commit)]
  const end = await expectExit(0, ['describe', ...place, ...then, '--output-format', 'json'])
  return end.json<{ topic_settings: { topics: DescribedTopic[] } }>().topic_settings.topics
}

function retentionIn(topics: readonly DescribedTopic[], topic: string): string | undefined {
  const found = topics.find((own) => own.topic === topic)
  return found?.settings?.find(({ name }) => name === 'retention.ms')?.value
}

async function artifactsOf(): Promise<string[]> {
  return readdir(join(archive.folder, archive.backupId, 'artifacts', 'topics'))
}

async function topicNames(cluster: KafkaCluster): Promise<string[]> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    return await client.topicNames()
  } finally {
    await client.close()
  }
}

/** What stands at the topic itself. */
async function overridesOf(cluster: KafkaCluster, topic: string): Promise<Settings> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    const told = (await client.topicSettings([topic], null)).get(topic)?.settings ?? []
    const own = told.filter(({ source: place }) => place === 'topic')
    return Object.fromEntries(own.map(({ name, value }) => [name, value ?? '']))
  } finally {
    await client.close()
  }
}
