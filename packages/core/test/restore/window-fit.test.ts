import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { joinTimes, timesOf } from '../../src/restore/record-times.ts'
import { resolveWindow } from '../../src/restore/request-time.ts'
import type { RestorePlan } from '../../src/restore/restore-plan.ts'
import type { RestoreRequest } from '../../src/restore/restore-request.ts'
import { assertWindowFits } from '../../src/restore/window-fit.ts'

const FIRST_MS = BigInt(Date.UTC(2025, 10, 1))
const LAST_MS = BigInt(Date.UTC(2025, 10, 27))
const HELD = 'the records of the chosen topics are from 2025-11-01T00:00:00.000Z to 2025-11-27T00:00:00.000Z'

interface Asked {
  readonly from?: string
  readonly to?: string
  readonly firstMs?: bigint | null
  readonly lastMs?: bigint
  readonly pruned?: RestorePlan['pruned']
}

/** Why it is refused, message and hint; null: it is not. */
function refusal({ from, to, firstMs = FIRST_MS, lastMs = LAST_MS, pruned = [] }: Asked): string | null {
  const asked = { from: from ?? null, to: to ?? null }
  const plan = { window: resolveWindow(asked, Number(LAST_MS)), times: { firstMs, lastMs }, pruned }
  try {
    assertWindowFits(plan as unknown as RestorePlan, asked as RestoreRequest)
    return null
  } catch (error) {
    assert.ok(isKafkaBackupError(error, 'KB_USAGE'))
    return `${error.message}\n${error.hint}`
  }
}

test('seconds where milliseconds are meant are refused, whichever end they are', () => {
  assert.equal(
    refusal({ to: '1764241000' }),
    `--to 1764241000 is 1970-01-21T10:04:01.000Z: a number is a time in milliseconds since 1970, and ${HELD}
If seconds were meant, write --to 1764241000000 or --to 2025-11-27T10:56:40.000Z; if not, write --to 1970-01-21T10:04:01.000Z.`,
  )
  // Everything would be restored.
  assert.match(refusal({ from: '1764241000' }) ?? '', /^--from 1764241000 is 1970-01-21/)
  // How old the oldest record is may not be known, where producers compress.
  assert.match(
    refusal({ to: '1764241000', firstMs: null }) ?? '',
    /from a time that is not known to 2025-11-27/,
  )
})

test('times that are written otherwise, or may be meant, are taken as they are', () => {
  assert.equal(refusal({ from: '0' }), null)
  assert.equal(refusal({ from: '1764241000000' }), null)
  assert.equal(refusal({ from: '1970-01-21T10:04:01Z' }), null)
  assert.equal(refusal({ to: '1970-01-21T10:04:01Z', firstMs: null }), null)
  assert.equal(refusal({ to: '1764241000', firstMs: 1_000n }), null, 'there are records from then')
  assert.equal(refusal({ to: '1764241000', firstMs: 1_000n, lastMs: 2_000n }), null)
})

test('a window that ends before the oldest record is refused', () => {
  assert.equal(
    refusal({ to: '2025-10-31T23:59:59.999Z' }),
    `no record is in this window: --to 2025-10-31T23:59:59.999Z is 2025-10-31T23:59:59.999Z, and ${HELD}
Choose a later --to; nothing older is in the backup.`,
  )
  assert.equal(refusal({ to: '2025-11-01T00:00:00Z' }), null, 'that of the oldest record')
})

test('a window without a record in it may be meant where it lies behind the newest one, or between two', () => {
  assert.equal(refusal({ from: '2025-11-28T00:00:00Z' }), null)
  assert.equal(refusal({ from: '2025-11-02T00:00:00Z', to: '2025-11-02T01:00:00Z' }), null)
})

test('what was pruned, or is not there at all, is told elsewhere', () => {
  const pruned = [{ isWanted: true }] as unknown as RestorePlan['pruned']
  assert.equal(refusal({ to: '2025-10-01T00:00:00Z', pruned }), null)
  assert.equal(refusal({ to: '2025-10-01T00:00:00Z', firstMs: null, lastMs: -1n }), null)
})

test('times of parts are joined, and what is not known stays unknown', () => {
  const part = (records: number, minTimestampMs: bigint | null, maxTimestampMs: bigint) => {
    return { part: { records, minTimestampMs, maxTimestampMs } } as Parameters<typeof timesOf>[0][number]
  }
  assert.deepEqual(timesOf([part(1, 5n, 9n), part(1, 3n, 4n), part(0, 0n, 100n)]), {
    firstMs: 3n,
    lastMs: 9n,
  })
  assert.deepEqual(timesOf([part(1, 5n, 9n), part(1, null, 20n)]), { firstMs: null, lastMs: 20n })
  assert.deepEqual(timesOf([]), { firstMs: null, lastMs: -1n })
  assert.deepEqual(joinTimes([timesOf([]), { firstMs: 5n, lastMs: 9n }]), { firstMs: 5n, lastMs: 9n })
})
