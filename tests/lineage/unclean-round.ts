import { join } from 'node:path'
import type { KafkaCluster, PartitionContent, SeededRandom, SourceDriver } from '@kafka-backup/testkit'
import { MANY_COMMITS } from '../crash/source-data.ts'
import { type Archive, assertExit, backupArgs, expectExit } from '../harness/archive.ts'
import { type BackupDocument, backupDocumentOf } from '../harness/backup-document.ts'
import { committedEnd, readHistory } from '../harness/commit-history.ts'
import { type RunningProgram, startProgram } from '../harness/run-program.ts'
import { readTopics } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

/** What becomes of one partition. `lost`: records that only the old leader has; `written`: what the new one gets instead. */
export interface Fate {
  readonly what: string
  readonly common: number
  readonly lost: number
  readonly written: number
  /** DeleteRecords before the next run: [0, deleted) is gone from the source. */
  readonly deleted: number
}

/** A leader with records that its follower never got is killed, and the follower becomes leader. */
export interface UncleanRound {
  readonly between: string
  readonly middle: string
  readonly fates: readonly Fate[]
  readonly betweenArchive: Archive
  readonly middleArchive: Archive
  /** Where the new leader's logs ended when it was elected. */
  readonly commonEnds: { readonly between: readonly bigint[]; readonly middle: readonly bigint[] }
  /** Content of both topics before the election. */
  readonly before: readonly PartitionContent[]
  /** Reports of the runs around the election, in order. */
  readonly betweenRuns: readonly BackupDocument[]
  readonly middleRuns: readonly BackupDocument[]
  /** The last commit of `middle` before its new history. */
  readonly middleCommitBefore: number
}

export interface RoundStage {
  readonly cluster: KafkaCluster
  readonly driver: SourceDriver
  readonly random: SeededRandom
  readonly number: number
}

const OLD_LEADER = 1
const FOLLOWER = 2
const REPLICAS = [OLD_LEADER, FOLLOWER]
const UNCLEAN = { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' } as const
/** Records of each batch. */
const BATCH = 10
// Of the topic that is read while it happens: the first is read beyond what is common by then, the second is not.
export const MIDDLE = [
  { common: 20, lost: 800, written: 50 },
  { common: 1_200, lost: 200, written: 400 },
] as const
const MIDDLE_VALUE_BYTES = 2_000

/** Acts the whole story; everything that it shows is in what it returns. */
export async function actUncleanRound(stage: RoundStage): Promise<UncleanRound> {
  const { cluster, driver, number } = stage
  const between = `between-${number}`
  const middle = `middle-${number}`
  const fates = drawFates(stage.random)
  const folder = join(cluster.folder, 'repository')
  const betweenArchive = { folder, backupId: between }
  const middleArchive = { folder, backupId: middle }
  await createBoth(driver, { between, middle, fates })
  await loseTheFollower(stage, between)
  const betweenLost = fates.map((fate) => fate.lost)
  const middleLost = MIDDLE.map((fate) => fate.lost)
  await writeAll(driver, between, betweenLost, 'lost')
  await writeAll(driver, middle, middleLost, 'lost', MIDDLE_VALUE_BYTES)
  const before = await readTopics(cluster, [between, middle])
  const firstRun = await backUp(stage, betweenArchive, between, 0)
  const reading = startProgram([...backupArgs(cluster, middleArchive, [middle]), ...MANY_COMMITS])
  await untilReadBeyond(reading, middleArchive, middle)
  await cluster.broker(OLD_LEADER).kill()
  cluster.broker(FOLLOWER).resume()
  const commonEnds = await untilElected(driver, between, middle)
  const end = await reading.ended
  assertExit(end, 3)
  await writeAll(
    driver,
    between,
    fates.map((fate) => fate.written),
    'written',
  )
  await writeAll(
    driver,
    middle,
    MIDDLE.map((fate) => fate.written),
    'written',
    MIDDLE_VALUE_BYTES,
  )
  await cluster.broker(OLD_LEADER).start()
  const deletions = fates.flatMap((fate, partition) =>
    fate.deleted > 0 ? [[partition, BigInt(fate.deleted)] as const] : [],
  )
  await driver.deleteRecords(between, new Map(deletions))
  const betweenRuns = [
    firstRun,
    await backUp(stage, betweenArchive, between, 3),
    await backUp(stage, betweenArchive, between, 0),
  ]
  const middleRuns = [backupDocumentOf(end), await backUp(stage, middleArchive, middle, 0)]
  const middleCommitBefore = await lastCommitOfFirstHistory(middleArchive)
  return {
    ...{ between, middle, fates, betweenArchive, middleArchive, commonEnds, before },
    ...{ betweenRuns, middleRuns, middleCommitBefore },
  }
}

/** Every kind of loss, each with lengths of its own. */
function drawFates(random: SeededRandom): Fate[] {
  const common = () => BATCH * (3 + random.below(8))
  const lost = () => BATCH * (2 + random.below(6))
  const fate = (what: string, rest: Partial<Fate>, written: (lost: number) => number): Fate => {
    const drawn = { common: common(), lost: lost(), deleted: 0, ...rest }
    return { what, ...drawn, written: written(drawn.lost) }
  }
  return [
    fate('cut and left so', {}, () => 0),
    fate('cut and written anew, not as far', {}, (lost) => lost / 2),
    fate('cut and written anew to the same length', {}, (lost) => lost),
    fate('cut and written anew beyond', {}, (lost) => lost * 2),
    fate('cut, written anew, and its beginning deleted', { deleted: 17 }, (lost) => lost + BATCH),
    fate('given to the follower without a loss', { lost: 0 }, () => BATCH * 3),
  ]
}

async function createBoth(
  driver: SourceDriver,
  { between, middle, fates }: Pick<UncleanRound, 'between' | 'middle' | 'fates'>,
): Promise<void> {
  await driver.createTopic(between, { replicas: fates.map(() => REPLICAS), config: UNCLEAN })
  await driver.createTopic(middle, { replicas: MIDDLE.map(() => REPLICAS), config: UNCLEAN })
  await writeAll(
    driver,
    between,
    fates.map((fate) => fate.common),
    'common',
  )
  await writeAll(
    driver,
    middle,
    MIDDLE.map((fate) => fate.common),
    'common',
    MIDDLE_VALUE_BYTES,
  )
  await until('the follower has what is common', async () => {
    const ends = await driver.ends(between)
    return ends.every((end, partition) => end === BigInt(fates[partition]!.common))
  })
  await until('the follower has what is common', async () => {
    const ends = await driver.ends(middle)
    return ends.every((end, partition) => end === BigInt(MIDDLE[partition]!.common))
  })
}

/** Freezes the follower, and waits until the leader goes on without it. */
async function loseTheFollower({ cluster, driver }: RoundStage, between: string): Promise<void> {
  cluster.broker(FOLLOWER).pause()
  await until('the leader goes on alone', async () => {
    const inSync = await driver.inSync(between)
    return inSync.every((count) => count === 1)
  })
}

async function writeAll(
  driver: SourceDriver,
  topic: string,
  counts: readonly number[],
  label: string,
  valueBytes = 200,
): Promise<void> {
  for (const [partition, records] of counts.entries()) {
    if (records === 0) continue
    const text = `${label}-${topic}-${partition}`
    await driver.write({ topic, partition, label: text, records, recordsPerBatch: BATCH, valueBytes })
  }
}

async function backUp(
  { cluster }: RoundStage,
  archive: Archive,
  topic: string,
  exitCode: number,
): Promise<BackupDocument> {
  return backupDocumentOf(await expectExit(exitCode, backupArgs(cluster, archive, [topic])))
}

/** The logs of the new leader end where it parts from the old one: nobody has written yet. */
async function untilElected(
  driver: SourceDriver,
  between: string,
  middle: string,
): Promise<UncleanRound['commonEnds']> {
  await until('the follower leads', async () => {
    const leaders = [...(await driver.leaders(between)), ...(await driver.leaders(middle))]
    return leaders.every((leader) => leader === FOLLOWER)
  })
  return { between: await driver.ends(between), middle: await driver.ends(middle) }
}

/** Waits until the run has committed something of the first partition that lies beyond what is common. */
async function untilReadBeyond(program: RunningProgram, archive: Archive, topic: string): Promise<void> {
  await until(`${topic} is read beyond what is common`, async () => {
    if (program.child.exitCode !== null) assertExit(await program.ended, 3)
    return (await committedEnd(archive, { topic, partition: 0 })) > MIDDLE[0].common
  })
}

async function lastCommitOfFirstHistory(archive: Archive): Promise<number> {
  const commits = await readHistory(archive)
  const changed = commits.find(({ divergences }) => divergences !== undefined)
  return Number(changed?.number ?? 1) - 1
}
