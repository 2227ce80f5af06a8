import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OffsetRuns, splitRuns } from '../../src/restore/offset-runs.ts'

describe('OffsetRuns', () => {
  it('joins records that follow each other on both sides', () => {
    const runs = new OffsetRuns()
    runs.place([{ source: 0, firstOffset: 10n, records: 5 }], 100n)
    runs.place([{ source: 0, firstOffset: 15n, records: 2 }], 105n)
    assert.deepEqual(runs.take(), [{ source: 0, sourceOffset: 10n, targetOffset: 100n, records: 7 }])
    assert.deepEqual(runs.take(), [])
  })

  it('begins a new run behind a hole of the source, a marker of the target, and in another source', () => {
    const runs = new OffsetRuns()
    runs.place(
      [
        { source: 0, firstOffset: 0n, records: 2 },
        { source: 0, firstOffset: 3n, records: 1 },
      ],
      0n,
    )
    runs.place([{ source: 0, firstOffset: 4n, records: 1 }], 4n)
    runs.place([{ source: 1, firstOffset: 5n, records: 1 }], 5n)
    assert.deepEqual(runs.take(), [
      { source: 0, sourceOffset: 0n, targetOffset: 0n, records: 2 },
      { source: 0, sourceOffset: 3n, targetOffset: 2n, records: 1 },
      { source: 0, sourceOffset: 4n, targetOffset: 4n, records: 1 },
      { source: 1, sourceOffset: 5n, targetOffset: 5n, records: 1 },
    ])
  })
})

describe('splitRuns', () => {
  const runs = [
    { source: 0, firstOffset: 0n, records: 2 },
    { source: 1, firstOffset: 7n, records: 3 },
  ]

  it('cuts inside a run', () => {
    assert.deepEqual(splitRuns(runs, 3), [
      [runs[0], { source: 1, firstOffset: 7n, records: 1 }],
      [{ source: 1, firstOffset: 8n, records: 2 }],
    ])
  })

  it('leaves nothing empty at a border, at the begin and behind the end', () => {
    assert.deepEqual(splitRuns(runs, 2), [[runs[0]], [runs[1]]])
    assert.deepEqual(splitRuns(runs, 0), [[], runs])
    assert.deepEqual(splitRuns(runs, 9), [runs, []])
  })
})
