import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '@kafka-backup/testkit'
import { expressionPieces } from '../../src/config/expression-pieces.ts'
import { compileExpression, expressionComplaint } from '../../src/config/topic-expression.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { LIMITS } from '../../src/runtime/limits.ts'

const LONGEST_NAME = 'a'.repeat(LIMITS.topicNameMaxLength)

describe('an expression', () => {
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ['~orders', ['orders'], ['orders-1', 'my-orders', 'order', 'Orders', '']],
    ['~orders.*', ['orders', 'orders-1'], ['my-orders']],
    ['~.*orders', ['orders', 'my-orders'], ['orders-1']],
    ['~^orders$', ['orders'], ['orders-1']],
    ['~a|ab|b', ['a', 'ab', 'b'], ['aa', 'abb', 'xb', 'bx']],
    ['~(a|ab)(c|bcd)', ['ac', 'abcd', 'abc', 'abbcd'], ['abcdx']],
    ['~a{1,2}', ['a', 'aa'], ['', 'aaa']],
    ['~a{249}', [LONGEST_NAME], [LONGEST_NAME.slice(1)]],
    ['~day-[0-9]{4}(-[0-9]{2}){2}', ['day-2025-11-27'], ['day-2025-11', 'day-2025-11-27-']],
    ['~(?i)orders', ['orders', 'ORDERS'], ['order']],
    ['~a\\.b', ['a.b'], ['axb']],
    ['~\\Qa.b\\E.', ['a.bx'], ['axbx']],
    ['~[^_].*', ['orders', 'a_'], ['_orders', '']],
    ['~.*?', ['', 'orders'], []],
    ['~()', [''], ['a']],
  ]
  for (const [pattern, matching, other] of cases) {
    it(pattern, () => {
      const isMatch = compileExpression(pattern)
      for (const name of matching) assert.ok(isMatch(name), name)
      for (const name of other) assert.ok(!isMatch(name), name)
    })
  }

  it('agrees with the one of JavaScript that has both ends tied, on random expressions and names', () => {
    const random = seededRandom(4)
    let matches = 0
    for (let round = 0; round < 300; round++) {
      const source = randomExpression(random, 3)
      const isMatch = compileExpression(`~${source}`)
      const reference = new RegExp(`^(?:${source})$`)
      for (let turn = 0; turn < 30; turn++) {
        const name = Array.from({ length: random.below(7) }, () => random.pick(['a', 'b', '-'])).join('')
        const isWanted = reference.test(name)
        assert.equal(isMatch(name), isWanted, `${source} ${name}`)
        if (isWanted) matches++
      }
    }
    assert.ok(matches > 500 && matches < 8_500, String(matches))
  })
})

describe('an expression made to be slow', () => {
  const hostile = [
    '~(a+)+$',
    '~(a+)+b',
    '~(a|a)*b',
    '~(a|aa)+b',
    '~(.*)*b',
    '~((((a*)*)*)*)*b',
    `~(a?){${LIMITS.topicNameMaxLength}}a{${LIMITS.topicNameMaxLength}}`,
    '~(.{0,30}){0,30}b',
    '~(a|b)*a(a|b){200}b',
    '~(.*a){30}.*b',
    `~${'(a*)*'.repeat(90)}b`,
  ]
  for (const pattern of hostile) {
    it(`is compiled and matched in no time: ${pattern.slice(0, 40)}`, () => {
      const began = performance.now()
      const isMatch = compileExpression(pattern)
      const names = [LONGEST_NAME, 'ab'.repeat(124), `${LONGEST_NAME.slice(1)}-`]
      for (const name of names) isMatch(name)
      // It takes milliseconds. A matcher that goes back takes years.
      assert.ok(performance.now() - began < 2_000)
    })
  }

  it('does not grow: ten times the name is not much more than ten times the time', () => {
    const isMatch = compileExpression('~(a|aa|.a)*b')
    const time = (length: number): number => {
      const name = 'a'.repeat(length)
      const began = performance.now()
      assert.ok(!isMatch(name))
      return performance.now() - began
    }
    time(1_000)
    assert.ok(time(1_000_000) < 5_000)
  })
})

describe('an expression that is refused', () => {
  const step = `of at most ${LIMITS.topicExpressionMaxSteps} steps`
  const cases: readonly [string, string][] = [
    ['~', 'must have a regular expression after the ~'],
    ['~a(', 'must be a valid regular expression (at character 3: "missing closing )")'],
    ['~(a)(b(c)', 'must be a valid regular expression (at character 5: "missing closing )")'],
    ['~ab)', 'must be a valid regular expression (at character 4: "unexpected )")'],
    ['~a[b', 'must be a valid regular expression (at character 3: "missing closing ]")'],
    ['~[**]a**', 'must be a valid regular expression (at character 8: "invalid nested repetition operator")'],
    ['~*a', 'must be a valid regular expression (at character 2: "missing argument to repetition operator")'],
    ['~a{2,1}', 'must be a valid regular expression (at character 7: "invalid repeat count")'],
    ['~a\\1', 'must be a valid regular expression (at character 4: "invalid escape sequence")'],
    [
      '~ab\\',
      'must be a valid regular expression (at character 4: "trailing backslash at end of expression")',
    ],
    ['~ab(?=c)', 'must be a valid regular expression (at character 5: "invalid or unsupported Perl syntax")'],
    ['~a{250}', 'must be a valid regular expression (at character 3: "more repetitions than 249")'],
    ['~xa{1,250}', 'must be a valid regular expression (at character 4: "more repetitions than 249")'],
    [
      '~a{99999999999999999999,}',
      'must be a valid regular expression (at character 3: "more repetitions than 249")',
    ],
    ['~(a{100}){100}', 'must be a valid regular expression (at character 14: "invalid repeat count")'],
    [`~${'(.{31}){31}'.repeat(3)}`, `must be a regular expression ${step} (this has 3071)`],
    ['~/orders.*/', 'must be a valid regular expression (at character 2: "no topic name has this")'],
    ['~/~', 'must be a valid regular expression (at character 2: "no topic name has this")'],
    ['~orders ', 'must be a valid regular expression (at character 8: "no topic name has this")'],
    ['~ü', 'must be a valid regular expression (at character 2: "no topic name has this")'],
    [`~${'a'.repeat(500)}`, 'must be a regular expression of at most 500 characters'],
  ]
  for (const [pattern, complaint] of cases) {
    it(pattern.slice(0, 40), () => {
      assert.equal(expressionComplaint(pattern), complaint)
      assert.throws(
        () => compileExpression(pattern),
        (error) =>
          isKafkaBackupError(error, 'KB_CONFIG_INVALID') && error.message === `a topic pattern ${complaint}`,
      )
    })
  }

  it('is as long as it may be', () => {
    assert.equal(expressionComplaint(`~${'a'.repeat(LIMITS.topicExpressionMaxLength - 1)}`), undefined)
  })

  it('is refused soon, however much there is to look at', () => {
    const room = LIMITS.topicExpressionMaxLength - 3
    const part = '(\\pL*|[a-z]+)'
    for (const pattern of [
      `~(${part.repeat(room / part.length)}`,
      `~(${'a{0,249}'.repeat(room / 8)}`,
      `~${'('.repeat(room)}`,
      `~${'['.repeat(room)}`,
      `~${'[[:a'.repeat(room / 4)}`,
    ]) {
      const began = performance.now()
      assert.ok(expressionComplaint(pattern))
      assert.ok(performance.now() - began < 5_000, pattern)
    }
  })
})

describe('the pieces of an expression', () => {
  const cases: readonly [string, readonly string[]][] = [
    ['', []],
    ['ab', ['a', 'b']],
    ['a{1,2}b{3}c{4,}', ['a', '{1,2}', 'b', '{3}', 'c', '{4,}']],
    ['a{,2}', ['a', '{', ',', '2', '}']],
    ['[a,(]\\(,', ['[a,(]', '\\(', ',']],
    ['[],]a[^],]', ['[],]', 'a', '[^],]']],
    ['[[:alpha:],]x', ['[[:alpha:],]', 'x']],
    ['[\\],]x', ['[\\],]', 'x']],
    ['\\Q(,\\E(', ['\\Q(,\\E', '(']],
    ['\\Q(', ['\\Q(']],
    ['[a,', ['[a,']],
    ['a\\', ['a', '\\']],
    ['[a\\', ['[a', '\\']],
  ]
  for (const [source, pieces] of cases) {
    it(source || 'of nothing', () => assert.deepEqual([...expressionPieces(source)], pieces))
  }

  it('are together what they were made of', () => {
    const random = seededRandom(5)
    const signs = [...'ab,()[]{}\\QE^:-1*\n']
    for (let round = 0; round < 2_000; round++) {
      const source = Array.from({ length: random.below(21) }, () => random.pick(signs)).join('')
      assert.equal([...expressionPieces(source)].join(''), source)
    }
  })
})

function randomExpression(random: ReturnType<typeof seededRandom>, depth: number): string {
  if (depth === 0) return random.pick(['a', 'b', '-', '.', '[ab]', '[^a]', '()'])
  const inner = () => randomExpression(random, depth - 1)
  switch (random.below(4)) {
    case 0:
      return `${inner()}${inner()}`
    case 1:
      return `(?:${inner()}|${inner()})`
    case 2:
      return `(${inner()})${random.pick(['*', '+', '?', '{0,2}', '{2}', '*?'])}`
    default:
      return inner()
  }
}
