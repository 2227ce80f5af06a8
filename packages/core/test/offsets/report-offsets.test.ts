import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../../../testkit/src/seeded-random.ts'
import type { GroupRecord } from '../../src/format/groups-document.ts'
import type { LedgerSource } from '../../src/format/restore-ledger.ts'
import { isReportIncomplete, type ReportRow } from '../../src/offsets/offset-report.ts'
import { type ReportedRestore, reportOffsets } from '../../src/offsets/report-offsets.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { type RestoredRecord, randomRestore, type Shape } from './restored-map.ts'
import { groupOf } from './sample-groups.ts'

const ROUNDS = 60

const always = () => true

function report(groups: readonly GroupRecord[], restore: ReportedRestore) {
  return reportOffsets(groups, restore, always)
}

/** What a consumer reads that goes on where the report says. */
function readFrom(rows: readonly ReportRow[], records: readonly RestoredRecord[]): RestoredRecord[] {
  const next = new Map(
    rows.map(({ target, targetOffset }) => [`${target?.topic}/${target?.partition}`, targetOffset]),
  )
  return records.filter(({ target, targetOffset }) => targetOffset >= (next.get(target) ?? 1_000n))
}

describe('the report of offsets', () => {
  it('translates every offset to the first restored record at or behind it', async () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = seededRandom(seed)
      const { records, restore } = randomRestore(random, 'direct')
      const groups = Array.from({ length: 30 }, (_, at) =>
        groupOf(`group-${at}`, new Map([0, 1].map((partition) => [partition, BigInt(random.below(150))]))),
      )
      const { rows } = await report(groups, restore)
      assert.equal(rows.length, 60)
      for (const { topic, partition, sourceOffset, targetOffset, how, repeats } of rows) {
        const own = records.filter((record) => record.source === `${topic}/${partition}`)
        const first = own.find((record) => record.sourceOffset >= (sourceOffset ?? 0n))
        const said = `seed ${seed}, ${topic}/${partition}, offset ${sourceOffset}`
        assert.equal(targetOffset, first?.targetOffset ?? restore.ends.get(`copy/${partition}`), said)
        const expected = first ? (first.sourceOffset === sourceOffset ? 'exact' : 'next') : 'end'
        assert.deepEqual([how, repeats], [expected, 0n], said)
      }
    }
  })

  for (const shape of ['joined', 'spread'] satisfies Shape[]) {
    it(`skips nothing of sources that are ${shape}, and counts what is read again`, async () => {
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const random = seededRandom(seed)
        const { records, restore } = randomRestore(random, shape)
        const committed = new Map([[0, BigInt(random.below(150))]])
        // Now and then a group has read nothing of the other partition.
        if (random.chance(0.8)) committed.set(1, BigInt(random.below(150)))
        const { rows } = await report([groupOf('readers', committed)], restore)
        const isRead = ({ source, sourceOffset }: RestoredRecord) =>
          sourceOffset < (committed.get(Number(source.split('/')[1])) ?? 0n)
        const again = readFrom(rows, records)
        const unread = records.filter((record) => !isRead(record))
        assert.deepEqual(
          unread.filter((record) => !again.includes(record)),
          [],
          `seed ${seed}: skipped`,
        )
        for (const name of restore.ends.keys()) {
          const own = rows.filter(({ target }) => `${target?.topic}/${target?.partition}` === name)
          const repeated = again.filter((record) => record.target === name && isRead(record))
          assert.ok(own.length > 0, `seed ${seed}: ${name} is left to chance`)
          for (const row of own) assert.equal(row.repeats, BigInt(repeated.length), `seed ${seed}: ${name}`)
          // The lowest safe offset is the largest one that skips nothing.
          const first = unread.find((record) => record.target === name)
          const least = unread
            .filter((record) => record.target === name)
            .reduce(
              (low, record) => (record.targetOffset < low ? record.targetOffset : low),
              first?.targetOffset ?? 0n,
            )
          assert.equal(own[0]?.targetOffset, first ? least : restore.ends.get(name), `seed ${seed}: ${name}`)
        }
      }
    })
  }

  it('leaves offsets as they are where the restore has kept them, but for those outside of the log', async () => {
    const place = { topic: 'orders', partition: 0 }
    const source = { ...place, lineage: 1 }
    const run = { source, target: place, sourceOffset: 10n, targetOffset: 10n, records: 5 }
    const later = { ...run, sourceOffset: 18n, targetOffset: 18n, records: 2 }
    const restore: ReportedRestore = {
      ...{ sources: [source], routes: [{ sources: [source], targets: [place] }] },
      ...{ begins: new Map([['orders/0', 10n]]), ends: new Map([['orders/0', 20n]]) },
      ...{ isKeepingOffsets: true, isFinished: true },
      runs: async function* () {
        yield run
        yield later
      },
    }
    const at = async (offset: bigint) => {
      const [row] = (await report([groupOf('g', new Map([[0, offset]]))], restore)).rows
      return [row?.targetOffset, row?.how]
    }
    assert.deepEqual(await at(12n), [12n, 'unchanged'])
    assert.deepEqual(await at(16n), [16n, 'unchanged'])
    assert.deepEqual(await at(20n), [20n, 'unchanged'])
    assert.deepEqual(await at(9n), [10n, 'next'])
    assert.deepEqual(await at(21n), [20n, 'end'])
  })

  it('says what cannot be mapped, and why', async () => {
    const { restore } = randomRestore(seededRandom(1), 'direct')
    const groups = [
      groupOf('astray', new Map([[7, 3n]])),
      groupOf('other', new Map([[0, 3n]])),
      groupOf('behind', new Map([[1, 149n]]), { unread: 'ABSENT' }),
      groupOf('shared', new Map(), { type: 'share' }),
      groupOf('denied', new Map(), { unread: 'GROUP_AUTHORIZATION_FAILED' }),
    ]
    const unfinished = { ...restore, isFinished: false }
    const found = await reportOffsets(groups, unfinished, ({ partition }) => partition !== 0)
    assert.deepEqual(
      found.rows.map(({ group, target, how, reason }) => [group, target, how, reason]),
      [
        ['astray', null, 'unmapped', 'not_restored'],
        ['behind', null, 'unmapped', 'unfinished'],
        ['other', null, 'unmapped', 'other_history'],
      ],
    )
    assert.deepEqual(
      found.withoutOffsets.map(({ group, unread }) => [group, unread]),
      [
        ['shared', null],
        ['denied', 'GROUP_AUTHORIZATION_FAILED'],
      ],
    )
    assert.deepEqual(found.carried, [{ group: 'behind', readAtMs: 1n, unread: 'ABSENT' }])
    assert.equal(isReportIncomplete(found), true)
    const isUnread = async (at: number) => isReportIncomplete(await report(groups.slice(at, at + 1), restore))
    assert.deepEqual([await isUnread(3), await isUnread(4)], [false, true])
    const fine = await report(groups.slice(0, 1), restore)
    assert.equal(isReportIncomplete(fine), false, 'what nobody asked to restore is no loss')
  })

  it('counts partitions as not read that a group has no offset in, of the topics that it reads', async () => {
    const target = { topic: 'copy', partition: 0 }
    const [own, beside, other] = [
      { topic: 'orders', partition: 0, lineage: 1 },
      { topic: 'orders', partition: 1, lineage: 1 },
      { topic: 'audit', partition: 0, lineage: 1 },
    ] as const
    const restoreOf = (sources: readonly LedgerSource[]): ReportedRestore => ({
      ...{ sources, routes: [{ sources, targets: [target] }], begins: new Map() },
      ...{ ends: new Map([['copy/0', 20n]]), isKeepingOffsets: false, isFinished: true },
      runs: async function* () {
        for (const [at, source] of sources.entries())
          yield { source, target, sourceOffset: 0n, targetOffset: BigInt(10 * at), records: 10 }
      },
    })
    const at = async (sources: readonly LedgerSource[]) => {
      const { rows } = await report([groupOf('g', new Map([[0, 8n]]))], restoreOf(sources))
      return rows.map(({ topic, targetOffset, how, repeats }) => [topic, targetOffset, how, repeats])
    }
    assert.deepEqual(await at([beside, own]), [
      ['orders', 0n, 'lowest_safe', 8n],
      ['orders', 0n, 'uncommitted', 8n],
    ])
    assert.deepEqual(await at([other, own]), [['orders', 18n, 'exact', 0n]])
  })

  it('has no safe offset where a source that is joined is not there yet', async () => {
    const { restore } = randomRestore(seededRandom(3), 'joined')
    const groups = [
      groupOf(
        'g',
        new Map([
          [0, 30n],
          [1, 149n],
        ]),
      ),
    ]
    const { rows } = await report(groups, { ...restore, isFinished: false })
    assert.deepEqual(
      rows.map(({ partition, how, reason }) => [partition, how, reason]),
      [
        [0, 'unmapped', 'unfinished'],
        [1, 'unmapped', 'unfinished'],
      ],
    )
  })

  it('refuses to be larger than memory, and says what to ask for instead', async () => {
    const { restore } = randomRestore(seededRandom(3), 'direct')
    const elsewhere = (count: number) =>
      groupOf('g', new Map(Array.from({ length: count }, (_, at) => [at + 10, 1n])))
    const most = LIMITS.offsetReportMaxRows
    assert.equal((await report([elsewhere(most)], restore)).rows.length, most)
    await assert.rejects(report([elsewhere(most), elsewhere(1)], restore), {
      code: 'KB_USAGE',
      message: 'a report about all of these groups has more than 1,000,000 rows',
      hint: 'Ask for some of them at a time: --groups GROUP',
    })
  })
})
