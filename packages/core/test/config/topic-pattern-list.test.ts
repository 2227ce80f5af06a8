import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { splitTopicPatterns } from '../../src/config/topic-pattern-list.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

describe('a text of patterns', () => {
  const cases: readonly [string, readonly string[]][] = [
    ['', []],
    [' , ', ['']],
    ['orders', ['orders']],
    ['orders, pay-*,x', ['orders', 'pay-*', 'x']],
    ['~a{1,2}', ['~a{1,2}']],
    ['~a{1,2},orders', ['~a{1,2}', 'orders']],
    ['orders, ~a{1,2} , ~b', ['orders', '~a{1,2}', '~b']],
    ['~(a,b|c{1,}),d', ['~(a,b|c{1,})', 'd']],
    ['~[a,b],c', ['~[a,b]', 'c']],
    ['~[],a],c', ['~[],a]', 'c']],
    ['~[[:alpha:],],c', ['~[[:alpha:],]', 'c']],
    ['~a\\,b,c', ['~a\\,b', 'c']],
    ['~\\(,b', ['~\\(', 'b']],
    ['~\\Q(\\E,b', ['~\\Q(\\E', 'b']],
    ['~a),b', ['~a)', 'b']],
    ['~(a,b', ['~(a,b']],
    ['a{1,2}', ['a{1', '2}']],
  ]
  for (const [text, patterns] of cases) {
    it(text || 'of nothing', () => assert.deepEqual(splitTopicPatterns(text), patterns))
  }

  it('of a megabyte is split in no time', () => {
    for (const part of ['~a,', '~(', '~[[:a', '~\\Q', '~a{1,2},']) {
      const began = performance.now()
      splitTopicPatterns(part.repeat(1_000_000 / part.length))
      assert.ok(performance.now() - began < 5_000, part)
    }
  })
})

describe('topic patterns', () => {
  const text = 'orders,~pay-[0-9]{1,2},*-eu'
  const patterns = ['orders', '~pay-[0-9]{1,2}', '*-eu']

  for (const [verb, section] of [
    ['backup', 'source'],
    ['restore', 'target'],
  ] as const) {
    for (const name of ['include', 'exclude'] as const) {
      const path = `${section}.topics.${name}`
      it(`are the same in a flag, a variable and a file: ${path}`, async () => {
        const { [path]: _, ...flags } = ENOUGH[verb]
        const needed = name === 'exclude' ? ENOUGH[verb] : flags
        const head = `${section}:\n  topics:\n    ${name}:`
        const variable = `KAFKA_BACKUP_${path.toUpperCase().replaceAll('.', '_')}`
        const givens = [
          { flags: { ...needed, [path]: text } },
          { flags: { ...needed, [path]: ['orders', '~pay-[0-9]{1,2},*-eu'] } },
          { flags: needed, env: { [variable]: text } },
          { flags: needed, text: `${head} "${text}"` },
          { flags: needed, text: `${head} [orders, "~pay-[0-9]{1,2}", "*-eu"]` },
          { flags: needed, text: `${head}\n      - orders\n      - ~pay-[0-9]{1,2}\n      - "*-eu"` },
        ]
        for (const given of givens) {
          const { config } = await load({ verb, ...given })
          assert.deepEqual(config[section]?.topics[name], patterns)
        }
      })

      it(`that are no regular expressions are told with their place: ${path}`, async () => {
        const { [path]: _, ...flags } = ENOUGH[verb]
        const bad = `${section}:\n  topics:\n    ${name}:\n      - orders\n      - ~pay(\n`
        const error = await failure({ verb, flags, text: bad }, 'KB_CONFIG_INVALID')
        assert.equal(
          error.message.split('\n')[0],
          `backup.yaml:5: ${path} must be a valid regular expression (at character 5: "missing closing )"), not ~pay(`,
        )
      })
    }
  }

  it('of a variable are not shown when they are wrong', async () => {
    const file = `source:\n  topics:\n    exclude: "\${EXCLUDED}"\n`
    const env = { EXCLUDED: '~hunter2(' }
    const error = await failure({ flags: ENOUGH.backup, text: file, env }, 'KB_CONFIG_INVALID')
    assert.doesNotMatch(error.message, /hunter2/)
    assert.match(error.message, /at character 9: "missing closing \)"\), not \$\{EXCLUDED\}$/)
  })

  it('may be regular expressions under the other spelling too', async () => {
    const { 'source.topics.include': _, ...flags } = ENOUGH.backup
    const { config } = await load({ flags, text: 'backup:\n  topics: ["~orders.*", "~a{1,2},b"]' })
    assert.deepEqual(config.source?.topics.include, ['~orders.*', '~a{1,2}', 'b'])
    const error = await failure({ flags, text: 'backup:\n  topics: "~a.*,orders.*"' }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /what is meant by \.\* is clear only alone/)
  })
})

describe('internal topics', () => {
  it('are added by their names, besides the patterns or alone', async () => {
    const flags = { ...ENOUGH.backup, 'backup.internal_topics': '__consumer_offsets,__transaction_state' }
    const { config } = await load({ flags })
    const names = ['__consumer_offsets', '__transaction_state']
    assert.deepEqual(config.source?.topics.include, ['orders', ...names])
    assert.equal(config.source?.topics.includeInternal, false)
    const alone = await load({ flags: { ...flags, 'source.topics.include': undefined } })
    assert.deepEqual(alone.config.source?.topics.include, names)
  })

  it('are names and no patterns', async () => {
    for (const text of ['__*', '~__.*']) {
      const flags = { ...ENOUGH.backup, 'backup.internal_topics': text }
      const error = await failure({ flags }, 'KB_CONFIG_INVALID')
      assert.equal(error.message, `--internal-topics must be topic names, not ${text}`)
    }
  })

  it('of a backup are none of a restore', async () => {
    const text = 'backup:\n  internal_topics: [__consumer_offsets]'
    const { config } = await load({ verb: 'restore', flags: ENOUGH.restore, text })
    assert.deepEqual(config.target?.topics.include, ['*'])
  })
})
