import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SeededRandom, seededRandom } from '@kafka-backup/testkit'
import { isExactName, matchesGlob, matchTopics } from '../../src/config/topic-selection.ts'

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

  it('agrees with the plainest matcher there is, on random names and globs', () => {
    const random = seededRandom(8)
    const names = Array.from({ length: 1_000 }, () => randomText(random, [...'ab.-_'], 12))
    const globs = Array.from({ length: 40 }, () => randomText(random, [...'ab.-_**??'], 8))
    let matches = 0
    for (const glob of globs) {
      for (const name of names) {
        const isWanted = matchesPlainly(glob, name)
        assert.equal(matchesGlob(glob, name), isWanted, `${glob} ${name}`)
        if (isWanted) matches++
      }
    }
    assert.ok(matches > 1_000 && matches < 39_000, String(matches))
  })

  it('is not slowed down by a pattern that makes regular expressions hang', () => {
    const began = performance.now()
    assert.ok(!matchesGlob(`${'*a'.repeat(124)}b`, 'a'.repeat(249)))
    assert.ok(!matchesGlob(`*${'a'.repeat(124)}b`, 'a'.repeat(249)))
    assert.ok(!matchesGlob('*a*a*a*a*a*a*b', 'a'.repeat(100_000)))
    assert.ok(performance.now() - began < 10_000)
  })
})

const SOME = ['orders', 'orders-eu', 'payments']

const expressionCases: readonly (readonly [
  string,
  Parameters<typeof matchTopics>[0],
  readonly string[],
  readonly string[],
])[] = [
  ['an expression is all of a name', { include: ['~orders'], exclude: [] }, ['orders'], []],
  ['an expression', { include: ['~orders(-.*)?'], exclude: [] }, ['orders', 'orders-eu'], []],
  ['an expression that matches nothing', { include: ['~gone.*'], exclude: [] }, [], []],
  ['an expression leaves internal topics out', { include: ['~.*'], exclude: [] }, SOME, []],
  ['even one that spells one', { include: ['~__consumer_offsets'], exclude: [] }, [], []],
  [
    'an expression with internal topics',
    { include: ['~.*_.*'], exclude: [], includeInternal: true },
    ['__consumer_offsets', '__transaction_state'],
    [],
  ],
  ['an expression excludes', { include: ['*'], exclude: ['~.*s'] }, ['orders-eu'], []],
  ['and only whole names', { include: ['*'], exclude: ['~orders'] }, ['orders-eu', 'payments'], []],
  [
    'an exact exclusion of an internal topic that was named',
    { include: ['orders', '__consumer_offsets'], exclude: ['__consumer_offsets'] },
    ['orders'],
    [],
  ],
  ['all three forms', { include: ['payments', '*-eu', '~o.{5}'], exclude: [] }, SOME, []],
]

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
  for (const [what, patterns, topics, missing] of [...cases, ...expressionCases]) {
    it(what, () => assert.deepEqual(matchTopics(patterns, names), { topics, missing }))
  }

  it('refuses an expression that is none, among the excluded ones too', () => {
    const code = { code: 'KB_CONFIG_INVALID' }
    assert.throws(() => matchTopics({ include: ['~a('], exclude: [] }, names), code)
    assert.throws(() => matchTopics({ include: ['orders'], exclude: ['~a('] }, names), code)
  })

  it('knows an exact name', () => {
    assert.deepEqual(['a', 'a*', 'a?', '~a', ''].map(isExactName), [true, false, false, false, true])
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

function randomText(random: SeededRandom, letters: readonly string[], maxLength: number): string {
  return Array.from({ length: random.below(maxLength + 1) }, () => random.pick(letters)).join('')
}

/** As the words say it, and exponential in the stars. */
function matchesPlainly(glob: string, name: string): boolean {
  if (glob === '') return name === ''
  if (glob[0] === '*') {
    return matchesPlainly(glob.slice(1), name) || (name !== '' && matchesPlainly(glob, name.slice(1)))
  }
  return (
    name !== '' && (glob[0] === '?' || glob[0] === name[0]) && matchesPlainly(glob.slice(1), name.slice(1))
  )
}
