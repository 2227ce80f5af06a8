import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  assertChoosing,
  isPartitionChosen,
  partitionSelection,
} from '../../src/config/partition-selection.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

const TOPICS = ['orders', 'users', '1', 'constructor']
const BAD = ['3-0', '-1', '1-', '-', 'x', '0x1', '1.5', '+1', '1-2-3', 'orders', 'orders:', ':0', 'orders:x']
const BAD_TOPICS = ['a/b:0', '*:0', '~a:0', '..:0', 'a:b:0', `${'a'.repeat(250)}:0`]

/** `topic:partitions` of every topic that has some of 0 to 5, all for all of them. */
function chosen(items: readonly string[]): Record<string, string> {
  const selection = partitionSelection(items)
  const entries = TOPICS.map((topic) => {
    const some = [0, 1, 2, 3, 4, 5].filter((partition) => isPartitionChosen(selection, topic, partition))
    return [topic, some.length === 6 ? 'all' : some.join('')] as const
  })
  return Object.fromEntries(entries)
}

describe('partitions', () => {
  const all = { orders: 'all', users: 'all', '1': 'all', constructor: 'all' }
  const every = (some: string) => ({ orders: some, users: some, '1': some, constructor: some })
  const cases: readonly [readonly string[], Record<string, string>][] = [
    [[], all],
    [['0'], every('0')],
    [['1-3'], every('123')],
    [['1-1'], every('1')],
    [['0', '2-3', '3-4'], every('0234')],
    [['orders:1'], { ...all, orders: '1' }],
    [['orders:1-2', 'orders:4'], { ...all, orders: '124' }],
    [['0', 'orders:1-3'], { ...every('0'), orders: '123' }],
    [['orders:1', '0-2', '1:5'], { ...every('012'), orders: '1', '1': '5' }],
    [['constructor:0'], { ...all, constructor: '0' }],
    [['order:0'], all],
    [['6-9'], every('')],
    [['2147483647'], every('')],
  ]
  for (const [items, wanted] of cases) {
    it(items.join(',') || 'without items', () => assert.deepEqual(chosen(items), wanted))
  }

  it('have the bounds of a range, however large', () => {
    const selection = partitionSelection(['5-2147483647'])
    const some = [4, 5, 2_147_483_646, 2_147_483_647].map((partition) =>
      isPartitionChosen(selection, 'orders', partition),
    )
    assert.deepEqual(some, [false, true, true, true])
  })

  it('that cannot be read are errors', () => {
    for (const item of [...BAD, '2147483648', '9999999999']) {
      assert.throws(
        () => partitionSelection([item]),
        (error) => isKafkaBackupError(error, 'KB_CONFIG_INVALID'),
        item,
      )
    }
  })
})

describe('backup.partitions', () => {
  it('is the same in a flag, a variable and a file', async () => {
    const wanted = partitionSelection(['0-3', 'orders:7'])
    const head = 'backup:\n  partitions:'
    for (const given of [
      { flags: { ...ENOUGH.backup, 'backup.partitions': '0-3,orders:7' } },
      { flags: ENOUGH.backup, env: { KAFKA_BACKUP_BACKUP_PARTITIONS: '0-3, orders:7' } },
      { flags: ENOUGH.backup, text: `${head} [0-3, orders:7]` },
      { flags: ENOUGH.backup, text: `${head}\n    - 0-3\n    - orders:7` },
    ]) {
      const { config } = await load(given)
      assert.deepEqual(config.backup.partitions, wanted)
    }
    const { config } = await load({ flags: ENOUGH.backup, text: `${head} 0` })
    assert.deepEqual(config.backup.partitions, partitionSelection(['0']))
  })

  it('is all partitions if nothing is said', async () => {
    const { config } = await load({ flags: ENOUGH.backup })
    assert.deepEqual(config.backup.partitions, partitionSelection([]))
  })

  for (const item of [...BAD, ...BAD_TOPICS, '2147483648']) {
    it(`refuses ${item.slice(0, 20)}`, async () => {
      const flags = { ...ENOUGH.backup, 'backup.partitions': `0,${item}` }
      const error = await failure({ flags }, 'KB_CONFIG_INVALID')
      assert.ok(
        error.message.startsWith('--partitions must be partitions, such as 0, 0-3 or orders:0-3, not '),
        error.message,
      )
    })
  }
})

describe('partitions that there are', () => {
  const there = new Map([
    ['orders', [0, 1, 2]],
    ['users', [0]],
  ])
  for (const items of [[], ['0-9'], ['2'], ['orders:2-7', '0']]) {
    it(`are chosen by ${items.join() || 'nothing'}`, () => assertChoosing(items, there))
  }
  // The last one: only topics without items of their own are meant by a number alone.
  for (const items of [['3'], ['0', '5-9'], ['orders:3'], ['audit:0', '0'], ['orders:0', '1']]) {
    it(`are not chosen by ${items.join()}`, () => {
      assert.throws(
        () => assertChoosing(items, there),
        (error) => isKafkaBackupError(error, 'KB_USAGE') && error.hint.includes('orders: 0, 1, 2; users: 0'),
      )
    })
  }
})
