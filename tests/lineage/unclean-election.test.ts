import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type KafkaCluster, SourceDriver, seededRandom, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, expectExit, renamed, restoreArgs, validateArgs } from '../harness/archive.ts'
import { divergenceLines, missingLines } from '../harness/backup-document.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { assertSameRecords, recordDigests } from '../harness/record-digests.ts'
import { readTopics } from '../harness/same-content.ts'
import { actUncleanRound, MIDDLE, type UncleanRound } from './unclean-round.ts'

// Six partitions change their history in each round.
const ELECTIONS_PER_ROUND = 6
const ROUNDS = Math.ceil(Number(process.env.UNCLEAN ?? 5) / ELECTIONS_PER_ROUND)
const SEED = Number(process.env.SEED ?? 1)
const QUICK_FAILOVER = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '300' } as const
const BYTES_PER_SEC = 600_000

let cluster: KafkaCluster
let driver: SourceDriver

describe('when a replica that had missed records becomes the leader', () => {
  before(async () => {
    cluster = await startKafkaCluster({
      brokers: 3,
      properties: { ...SHORT_QUOTA_WINDOWS, ...QUICK_FAILOVER },
    })
    driver = new SourceDriver(cluster)
    await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC })
  })

  after(async () => {
    await driver?.[Symbol.asyncDispose]()
    await cluster?.close()
  })

  const random = seededRandom(SEED)
  for (let number = 1; number <= ROUNDS; number++) {
    describe(`round ${number}`, () => {
      let round: UncleanRound

      before(async () => {
        round = await actUncleanRound({ cluster, driver, random, number })
      })

      test('the next run declares each partition that lost records, where its histories part', () =>
        assertDeclaredBetween(round))

      test('a run that is under way declares what it had read and the source lost', () =>
        assertDeclaredInTheMiddle(round))

      test('the archive holds both histories: validate finds nothing damaged', () => validateBoth(round))

      test('a restore writes the newest history, and as of an earlier commit the one before', () =>
        compareRestores(round))
    })
  }
})

function assertDeclaredBetween({ between, fates, commonEnds, betweenRuns }: UncleanRound): void {
  const [first, second, third] = betweenRuns
  const losers = fates.flatMap((fate, partition) => (fate.lost > 0 ? [{ ...fate, partition }] : []))
  const expected = losers.map(
    ({ partition, common, lost, deleted }) =>
      `${between}/${partition}: log_truncated, lineage 2, common below ${common}, begins at ${deleted}, held ${common + lost}`,
  )
  assert.deepEqual(
    commonEnds.between,
    fates.map(({ common }) => BigInt(common)),
  )
  assert.deepEqual(first?.divergences, [])
  assert.deepEqual(divergenceLines(second!), expected)
  assert.deepEqual([second?.outcome, second?.recovery_point], ['incomplete', null])
  assert.deepEqual([second?.gaps, second?.unread], [[], []])
  assert.deepEqual([third?.outcome, third?.divergences, third?.records], ['complete', [], 0])
}

function assertDeclaredInTheMiddle({ middle, commonEnds, middleRuns }: UncleanRound): void {
  const [first, second] = middleRuns
  const [beyond, within] = MIDDLE
  assert.deepEqual(
    commonEnds.middle,
    MIDDLE.map(({ common }) => BigInt(common)),
  )
  const [line, ...more] = divergenceLines(first!)
  assert.match(
    line!,
    new RegExp(`^${middle}/0: log_truncated, lineage 2, common below ${beyond.common}, begins at 0, held `),
  )
  assert.deepEqual(more, [])
  const end = within.common + within.lost
  assert.deepEqual(missingLines(first!.unread), [`${middle}/1: ${within.common}-${end} log_truncated`])
  assert.deepEqual(second?.divergences, [])
  assert.equal(second?.outcome, 'complete')
}

async function validateBoth({ betweenArchive, middleArchive }: UncleanRound): Promise<void> {
  for (const archive of [betweenArchive, middleArchive]) {
    const report = (await expectExit(0, validateArgs(archive))).json<{ verdict: string }>()
    assert.equal(report.verdict, 'complete')
  }
}

async function compareRestores(round: UncleanRound): Promise<void> {
  const { between, middle, betweenArchive, middleArchive } = round
  await restoreAs(betweenArchive, between, 'new')
  await restoreAs(middleArchive, middle, 'new')
  await restoreAs(betweenArchive, between, 'old', Number(round.betweenRuns[0]?.commit))
  await restoreAs(middleArchive, middle, 'old', round.middleCommitBefore)
  const topics = [between, middle].flatMap((topic) => [topic, `${topic}-new`, `${topic}-old`])
  const now = await readTopics(cluster, topics)
  for (const [partition, { what, deleted }] of round.fates.entries()) {
    const held = await recordDigests(round.before, between, partition)
    const source = await recordDigests(now, between, partition)
    const newest = await recordDigests(now, `${between}-new`, partition)
    assertSameRecords(newest, [...held.slice(0, deleted), ...source], `newest of ${what}`)
    assertSameRecords(await recordDigests(now, `${between}-old`, partition), held, `oldest of ${what}`)
  }
  for (const partition of MIDDLE.keys()) {
    const held = await recordDigests(round.before, middle, partition)
    const source = await recordDigests(now, middle, partition)
    const old = await recordDigests(now, `${middle}-old`, partition)
    assertSameRecords(await recordDigests(now, `${middle}-new`, partition), source, 'newest of the run')
    assertSameRecords(old, held.slice(0, old.length), 'what the run had read before')
    if (partition === 0) assert.ok(old.length > MIDDLE[0].common, 'it had read beyond what is common')
  }
}

async function restoreAs(archive: Archive, topic: string, suffix: string, commit?: number): Promise<void> {
  const asOf = commit === undefined ? [] : ['--as-of-commit', `${commit}`]
  await expectExit(0, [...restoreArgs(cluster, archive, renamed([topic], suffix)), ...asOf])
}
