import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, openKafkaProxy, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { committedEnd, readHistory } from '../harness/commit-history.ts'
import { startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'

interface GroupDocument {
  readonly group: string
  readonly type: string
  readonly state: string
  readonly members: number
  readonly read_at: string
  readonly unread: string | null
  readonly offsets: readonly {
    readonly topic: string
    readonly partition: number
    readonly offset: string
    readonly metadata: string
    readonly backup_next_offset: string | null
  }[]
}

interface CommitWithArtifacts {
  readonly number: string
  readonly run: unknown
  readonly artifacts: readonly { readonly kind: string; readonly key: string }[]
}

const STRANGE = `a "group", with 'quotes' & ünicode`
const TOPIC = 'orders'
const LIST_GROUPS = 16

let cluster: KafkaCluster
let driver: SourceDriver

before(async () => {
  cluster = await startKafkaCluster()
  driver = new SourceDriver(cluster)
  await driver.createTopic(TOPIC, { replicas: 2 })
  await driver.write({ topic: TOPIC, label: 'first', records: 20 })
  await driver.commitGroup(STRANGE, { topic: TOPIC, partition: 0, offset: 12n, metadata: 'my "place"' })
  await driver.commitGroup('steady', { topic: TOPIC, partition: 1, offset: 0n })
})

after(async () => {
  await driver?.[Symbol.asyncDispose]()
  await cluster?.close()
})

function archiveOf(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}

function placeOf({ folder, backupId }: Archive): string[] {
  return ['--repo', pathToFileURL(folder).href, '--backup-id', backupId]
}

async function groupsOf(archive: Archive, ...more: string[]): Promise<Map<string, GroupDocument>> {
  const args = ['describe', ...placeOf(archive), '--groups', '--output-format', 'json', ...more]
  const { groups } = (await expectExit(0, args)).json<{ readonly groups: readonly GroupDocument[] }>()
  return new Map(groups.map((entry) => [entry.group, entry]))
}

async function commitsOf(archive: Archive): Promise<CommitWithArtifacts[]> {
  return (await readHistory(archive)) as unknown as CommitWithArtifacts[]
}

/** How many commits name groups. */
async function snapshotsOf(archive: Archive): Promise<number> {
  const artifacts = (await commitsOf(archive)).flatMap((commit) => commit.artifacts)
  return artifacts.filter(({ kind }) => kind === 'groups').length
}

function snapshotArgs(archive: Archive): string[] {
  return ['snapshot-groups', '--bootstrap-servers', cluster.bootstrap, ...placeOf(archive)]
}

test('every run stores what groups have committed, as of its commit, and only what is new', async () => {
  const archive = archiveOf('runs')
  const run = async (...more: string[]) => expectExit(0, [...backupArgs(cluster, archive, [TOPIC]), ...more])
  const end = await run()
  const { consumer_groups } = end.json<{ readonly consumer_groups: Record<string, unknown> }>()
  assert.deepEqual([consumer_groups.groups, consumer_groups.offsets, consumer_groups.unread], [2, 2, []])
  const first = await groupsOf(archive)
  assert.deepEqual([...first.keys()], [STRANGE, 'steady'])
  const { read_at: readAt, ...strange } = first.get(STRANGE)!
  assert.ok(Date.parse(readAt) > 0)
  assert.deepEqual(strange, {
    ...{ group: STRANGE, type: 'classic', protocol_type: '', state: 'Empty', members: 0, unread: null },
    offsets: [
      {
        ...{ topic: TOPIC, partition: 0, offset: '12', leader_epoch: -1, metadata: 'my "place"' },
        backup_next_offset: '20',
      },
    ],
  })
  const { stdout: text } = await expectExit(0, ['describe', ...placeOf(archive), '--groups'])
  assert.match(text, /^"a \\"group\\", with 'quotes' & ünicode" +orders\/0 +12 +20 +"my \\"place\\""$/m)
  assert.match(text, /^steady +classic +Empty +0 +1$/m)

  await run()
  assert.equal(await snapshotsOf(archive), 1, 'nothing had changed')
  await driver.commitGroup(STRANGE, { topic: TOPIC, partition: 0, offset: 15n })
  await run()
  assert.equal(await snapshotsOf(archive), 2)
  assert.equal((await groupsOf(archive)).get(STRANGE)?.offsets[0]?.offset, '15')
  assert.equal((await groupsOf(archive, '--as-of-commit', '2')).get(STRANGE)?.offsets[0]?.offset, '12')
  await driver.commitGroup(STRANGE, { topic: TOPIC, partition: 0, offset: 16n })
  const without = await run('--consumer-group-snapshot', 'false')
  assert.equal(without.json<{ readonly consumer_groups: unknown }>().consumer_groups, null)
  assert.equal(await snapshotsOf(archive), 2)
  await expectComplete(archive)
})

test('what a group had is kept when it is emptied, and when it is gone', async () => {
  const archive = archiveOf('kept')
  await driver.commitGroup('emptied', { topic: TOPIC, partition: 0, offset: 3n })
  await driver.joinGroup('living', TOPIC, 'consumer')
  await driver.commitGroup('deleted', { topic: TOPIC, partition: 0, offset: 4n })
  await until('the living group has committed', async () => {
    await expectExit(0, snapshotArgs(archive))
    return (await groupsOf(archive)).get('living')?.offsets[0]?.offset === '20'
  })
  const before = await groupsOf(archive)
  assert.deepEqual(
    ['type', 'state', 'members'].map((name) => before.get('living')?.[name as 'type']),
    ['consumer', 'Stable', 1],
  )
  await driver.deleteGroup('deleted')
  await driver.forgetOffset('emptied', TOPIC, 0)
  await expectExit(0, snapshotArgs(archive))
  const afterwards = await groupsOf(archive)
  const kept = (group: string) => {
    const { unread, read_at: readAt, offsets } = afterwards.get(group) ?? {}
    assert.equal(readAt, before.get(group)?.read_at)
    assert.deepEqual(offsets, before.get(group)?.offsets)
    return unread
  }
  assert.equal(kept('deleted'), 'ABSENT')
  // Its coordinator deletes it minutes later.
  assert.equal(kept('emptied'), 'NO_OFFSETS')
  const verb = ['offset-reset', 'script', ...placeOf(archive), '--bootstrap-servers', cluster.bootstrap]
  const { stdout } = await expectExit(0, [...verb, '--strategy', 'as-of', '--groups', 'deleted', 'living'])
  assert.match(stdout, /^# deleted: offsets are of \d.*Z \(ABSENT\)$/m)
  assert.doesNotMatch(stdout, /^# living/m)
  await driver.leaveGroup('living')
})

test('groups alone are a commit of their own, before the first record and between runs', async () => {
  const archive = archiveOf('alone')
  const { stdout } = await expectExit(0, snapshotArgs(archive))
  assert.match(
    stdout,
    /^Complete .*consumer groups?, \d+ committed offsets? · cluster .* · commit 1 of backup alone$/m,
  )
  await expectExit(0, ['describe', ...placeOf(archive)])
  await expectExit(0, ['list', ...placeOf(archive)])
  const again = await expectExit(0, [...snapshotArgs(archive), '--output-format', 'json'])
  const report = again.json<{ readonly written: boolean; readonly commit: string }>()
  assert.deepEqual([report.written, report.commit], [false, '1'])
  await expectExit(0, backupArgs(cluster, archive, [TOPIC]))
  await driver.commitGroup('steady', { topic: TOPIC, partition: 0, offset: 20n })
  await expectExit(0, snapshotArgs(archive))
  const commits = await commitsOf(archive)
  assert.deepEqual(
    commits.map(({ run }) => run === null),
    [true, false, true],
  )
  await expectComplete(archive)
  await expectExit(0, backupArgs(cluster, archive, [TOPIC]))
  await expectComplete(archive)
})

test('what a group commits while groups are asked for is below what the run reads', async () => {
  const archive = archiveOf('cut')
  await using proxy = await openKafkaProxy(cluster)
  let isHeld = false
  proxy.setFate(({ apiKey }) => {
    if (apiKey !== LIST_GROUPS || isHeld) return 'pass'
    isHeld = true
    return 'hold'
  })
  const running = startProgram(backupArgs(proxy, archive, [TOPIC]))
  await until('groups are asked for', () => running.child.exitCode !== null || isHeld)
  const end = await driver.write({ topic: TOPIC, label: 'late', records: 5 })
  await driver.commitGroup('quick', { topic: TOPIC, partition: 0, offset: end })
  proxy.release()
  assertExit(await running.ended, 0)
  const [entry] = (await groupsOf(archive)).get('quick')?.offsets ?? []
  assert.deepEqual([entry?.offset, entry?.backup_next_offset], [`${end}`, `${end}`])
})

test('what a continuous run names with a commit is below what it has committed by then', async () => {
  const archive = archiveOf('continuous')
  const fast = ['--checkpoint-interval-secs', '1', '--segment-max-interval-ms', '200']
  const groups = ['--continuous', '--consumer-group-snapshot-interval-secs', '1']
  const running = startProgram([...backupArgs(cluster, archive, [TOPIC]), ...fast, ...groups])
  const named = async () => {
    const commits = await commitsOf(archive).catch(() => [])
    return commits.filter(({ artifacts }) => artifacts.some(({ kind }) => kind === 'groups'))
  }
  await driver.joinGroup('chasing', TOPIC, 'consumer')
  let end = 0n
  await until('groups were stored again and again', async () => {
    end = await driver.write({ topic: TOPIC, label: `chased-${end}`, records: 200 })
    return (await named()).length >= 3
  })
  await until('what it has read last is stored', async () => {
    const offsets = (await groupsOf(archive)).get('chasing')?.offsets ?? []
    return offsets.some((entry) => entry.partition === 0 && BigInt(entry.offset) === end)
  })
  running.child.kill('SIGTERM')
  assertExit(await running.ended, 130)
  await driver.leaveGroup('chasing')
  for (const { number, artifacts } of await named()) {
    const { key } = artifacts.find(({ kind }) => kind === 'groups')!
    const document = JSON.parse(await readFile(join(archive.folder, key), 'utf8'))
    const ofCommit = await groupsOf(archive, '--as-of-commit', number)
    assert.equal(ofCommit.size, document.groups.length)
    for (const { group, offsets } of ofCommit.values()) {
      for (const { offset, backup_next_offset: next, partition } of offsets)
        assert.ok(
          BigInt(offset) <= BigInt(next ?? -1),
          `${group} ${partition}: ${offset} in commit ${number}`,
        )
    }
  }
  assert.ok((await committedEnd(archive, { topic: TOPIC, partition: 0 })) >= end)
  await expectExit(0, ['validate', ...placeOf(archive), '--deep'])
})

test('what a group committed in a topic that is gone is not mapped to another of the same name', async () => {
  const archive = archiveOf('reborn')
  const topic = 'reborn'
  const fill = async (label: string, records: number) => {
    await driver.createTopic(topic, { replicas: 1 })
    await driver.write({ topic, label, records })
  }
  await fill('one', 20)
  await driver.commitGroup('late', { topic, partition: 0, offset: 12n })
  await expectExit(0, backupArgs(cluster, archive, [topic]))
  await driver.deleteTopic(topic)
  await until('the topic is gone', async () => !(await driver.hasTopic(topic)))
  await fill('two', 30)
  await driver.commitGroup('new', { topic, partition: 0, offset: 7n })
  await expectExit(3, backupArgs(cluster, archive, [topic]))
  await expectExit(0, restoreArgs(cluster, archive, renamed([topic], 'copy')))
  const args = ['offsets', 'report', ...placeOf(archive), '--output-format', 'json']
  const chosen = ['--groups', 'late,new']
  const { offsets } = (await expectExit(3, [...args, ...chosen])).json<{
    readonly offsets: readonly { readonly how: string; readonly reason: string | null }[]
  }>()
  assert.deepEqual(
    offsets.map(({ how, reason }) => [how, reason]),
    [
      ['unmapped', 'other_history'],
      ['exact', null],
    ],
  )
  const before = await expectExit(3, [...args, '--groups', 'late', '--as-of-commit', '1'])
  assert.match(before.stdout, /"other_history"/)
  const plan = ['offset-reset', 'plan', ...placeOf(archive), ...chosen]
  const { stdout } = await expectExit(3, plan)
  assert.match(stdout, /^new +reborn-copy\/0 +7$/m)
  assert.match(stdout, /^ {2}late reborn\/0: of another history of the partition$/m)
})
