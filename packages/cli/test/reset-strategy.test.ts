import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupRecord } from '@kafka-backup/core'
import { systemClock } from '@kafka-backup/core/runtime'
import { chosenGroups } from '../src/group-choice.ts'
import { strategyOf } from '../src/reset-strategy.ts'

function strategy(options: Readonly<Record<string, unknown>>) {
  return strategyOf({ options, clock: systemClock })
}

test('the strategy of a reset is one that there is, with what it takes', () => {
  assert.deepEqual(strategy({}), { kind: 'from_mapping' })
  assert.deepEqual(strategy({ strategy: 'as-of' }), { kind: 'as_of' })
  assert.deepEqual(strategy({ strategy: 'to-offset', to: '12' }), { kind: 'to_offset', offset: 12n })
  const timestamp = { strategy: 'to-timestamp', to: '1970-01-01T00:00:01Z' }
  assert.deepEqual(strategy(timestamp), { kind: 'to_timestamp', timestampMs: 1_000n })
  for (const [options, says] of [
    [{ strategy: 'to-nowhere' }, /must be one of from-mapping, as-of, to-earliest/],
    [{ strategy: 'to-offset' }, /needs --to, such as --to 1200/],
    [{ strategy: 'to-offset', to: '-1' }, /--to must be an offset such as 1200/],
    [{ strategy: 'to-timestamp', to: 'yesterday' }, /a time must be/],
    [{ to: '7' }, /--strategy from-mapping takes no --to/],
    [{ strategy: 'as-of', restore: 'x' }, /whatever was restored/],
  ] as const) {
    assert.throws(() => strategy(options), { code: 'KB_USAGE', message: says })
  }
})

test('groups are chosen by exact names, with commas in between or in the name', () => {
  const all = ['a', 'b', 'c,d'].map((group) => ({ group }) as GroupRecord)
  const names = (asked: unknown) => chosenGroups(all, asked).map(({ group }) => group)
  assert.deepEqual(names(undefined), ['a', 'b', 'c,d'])
  assert.deepEqual(names(['b,a']), ['a', 'b'])
  assert.deepEqual(names(['c,d', 'a']), ['a', 'c,d'])
  assert.throws(() => names(['a', 'c']), { code: 'KB_USAGE', message: /knows no consumer group "c"$/ })
})
