import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isGlob, matchesGlob, matchTopics } from '../../src/config/topic-selection.ts'

describe('matchesGlob', () => {
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ['orders', ['orders'], ['order', 'orders2', '', 'Orders']],
    ['*', ['', 'a', 'a.b-c_d'], []],
    ['**', ['', 'a'], []],
    ['orders*', ['orders', 'orders-1'], ['order', 'xorders']],
    ['*orders', ['orders', 'x-orders'], ['orders-']],
    ['a*b*c', ['abc', 'aXbYc', 'abbcc'], ['ab', 'acb', 'abcd']],
    ['a?c', ['abc', 'a.c'], ['ac', 'abbc']],
    ['?', ['a'], ['', 'ab']],
    ['?*', ['a', 'ab'], ['']],
    ['*?b', ['ab', 'aab', 'bb'], ['b', 'ba']],
    ['a.b', ['a.b'], ['aXb']],
    ['*a*a*', ['aa', 'xaxax'], ['a', 'xax']],
    ['', [''], ['a']],
  ]
  for (const [glob, matching, other] of cases) {
    it(glob || 'the empty glob', () => {
      for (const name of matching) assert.ok(matchesGlob(glob, name), name)
      for (const name of other) assert.ok(!matchesGlob(glob, name), name)
    })
  }

  it('agrees with a regular expression on every short text', () => {
    const texts = allTexts('ab', 6)
    for (const glob of allTexts('ab*?', 4)) {
      const pattern = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      for (const text of texts) assert.equal(matchesGlob(glob, text), pattern.test(text), `${glob} ${text}`)
    }
  })

  it('is not slowed down by a pattern that makes regular expressions hang', () => {
    const began = performance.now()
    assert.ok(!matchesGlob(`${'*a'.repeat(124)}b`, 'a'.repeat(249)))
    assert.ok(!matchesGlob(`*${'a'.repeat(124)}b`, 'a'.repeat(249)))
    assert.ok(!matchesGlob('*a*a*a*a*a*a*b', 'a'.repeat(100_000)))
    assert.ok(performance.now() - began < 10_000)
  })
})

describe('matchTopics', () => {
  const names = ['orders', 'orders-eu', 'payments', '__consumer_offsets', '__transaction_state']
  const cases: readonly [string, Parameters<typeof matchTopics>[0], readonly string[], readonly string[]][] =
    [
      ['nothing is included', { include: [], exclude: [] }, [], []],
      ['exact names', { include: ['payments', 'orders'], exclude: [] }, ['orders', 'payments'], []],
      [
        'an exact name that does not exist',
        { include: ['orders', 'gone'], exclude: [] },
        ['orders'],
        ['gone'],
      ],
      ['a glob that matches nothing', { include: ['gone*'], exclude: [] }, [], []],
      [
        'a glob leaves internal topics out',
        { include: ['*'], exclude: [] },
        ['orders', 'orders-eu', 'payments'],
        [],
      ],
      ['even a glob that begins like them', { include: ['__*'], exclude: [] }, [], []],
      [
        'an internal topic by name',
        { include: ['orders', '__consumer_offsets'], exclude: [] },
        ['orders', '__consumer_offsets'],
        [],
      ],
      ['internal topics on request', { include: ['*'], exclude: [], includeInternal: true }, names, []],
      [
        'exclusion is stronger',
        { include: ['orders*', 'payments'], exclude: ['*-eu', 'payments'] },
        ['orders'],
        [],
      ],
      ['what is excluded is not missing', { include: ['gone', 'orders'], exclude: ['orders'] }, [], ['gone']],
      ['a name given twice', { include: ['orders', 'orders', 'o*s'], exclude: [] }, ['orders'], []],
    ]
  for (const [what, patterns, topics, missing] of cases) {
    it(what, () => assert.deepEqual(matchTopics(patterns, names), { topics, missing }))
  }

  it('knows a glob', () => {
    assert.deepEqual(['a', 'a*', 'a?', ''].map(isGlob), [false, true, true, false])
  })
})

function allTexts(alphabet: string, maxLength: number): readonly string[] {
  let last = ['']
  const all = ['']
  for (let length = 1; length <= maxLength; length++) {
    last = last.flatMap((text) => [...alphabet].map((letter) => text + letter))
    all.push(...last)
  }
  return all
}
