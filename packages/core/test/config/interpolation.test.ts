import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { interpolate } from '../../src/config/interpolation.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

/** `$` and `{` apart, so that this file has no templates by mistake. */
const ref = (content: string): string => `$\{${content}}`

describe('interpolate', () => {
  const env = { HOST: 'broker', EMPTY: '', NESTED: ref('HOST'), MONEY: 'a$b$$c$&d' }
  const texts: readonly [string, string][] = [
    ['plain', 'plain'],
    [ref('HOST'), 'broker'],
    [`${ref('HOST')}-1:9092,${ref('HOST')}-2:9092`, 'broker-1:9092,broker-2:9092'],
    [`$${ref('HOST')}`, ref('HOST')],
    [`$$${ref('HOST')}`, `$${ref('HOST')}`],
    [`$${ref('')}`, ref('')],
    [ref('EMPTY'), ''],
    [ref('EMPTY:-x'), 'x'],
    [ref('NOBODY:-a:-b'), 'a:-b'],
    [ref('NOBODY:-'), ''],
    [ref('HOST:-x'), 'broker'],
    [ref('NESTED'), ref('HOST')],
    [ref('MONEY'), 'a$b$$c$&d'],
    ['$HOST $ {HOST} {HOST}', '$HOST $ {HOST} {HOST}'],
  ]
  for (const [text, expected] of texts) {
    it(`${text} is ${expected || 'empty'}`, () => {
      assert.deepEqual(interpolate(text, env), { kind: 'text', text: expected })
    })
  }

  it('names the variable that is not set; an object has more names than its own', () => {
    assert.deepEqual(interpolate(ref('NOBODY'), env), { kind: 'unset', variable: 'NOBODY' })
    assert.deepEqual(interpolate(ref('constructor'), env), { kind: 'unset', variable: 'constructor' })
  })

  it('refuses what is not a name', () => {
    for (const text of [
      '${',
      ref(''),
      ref('1A'),
      ref('A B'),
      ref('A-x'),
      `${ref('HOST')}$\{HOST`,
      ref('A:-{}'),
    ]) {
      assert.deepEqual(interpolate(text, env), { kind: 'malformed' }, text)
    }
  })

  it('takes time in proportion to the text', () => {
    const began = performance.now()
    for (const part of ['$', '${', '${A', '$${', '${A:-']) interpolate(part.repeat(200_000), env)
    assert.ok(performance.now() - began < 10_000)
  })
})

describe('variables in a file', () => {
  it('may be numbers, truth values, lists and parts of texts', async () => {
    const text = `
backup_id: daily-${ref('STAGE')}
source:
  bootstrap_servers: ${ref('BROKERS')}
  topics:
    include: ["${ref('TOPIC')}"]
backup:
  compression_level: ${ref('LEVEL')}
  include_internal_topics: "${ref('INTERNAL')}"
`
    const env = { STAGE: 'prod', BROKERS: 'a:1,b:2', TOPIC: 'orders', LEVEL: '9', INTERNAL: 'true' }
    const { config } = await load({ text, env, flags: { repo: 'file:///r' } })
    assert.equal(config.backupId, 'daily-prod')
    assert.deepEqual(config.source?.bootstrapServers, ['a:1', 'b:2'])
    assert.deepEqual(config.source?.topics, { include: ['orders'], exclude: [], includeInternal: true })
    assert.equal(config.backup.compressionLevel, 9)
  })

  it('cannot add settings, because they are replaced after the file was parsed', async () => {
    const env = { ID: 'daily\nrepo: file:///evil' }
    const error = await failure(
      { text: `backup_id: ${ref('ID')}`, env, flags: { ...ENOUGH.backup, backup_id: undefined } },
      'KB_CONFIG_INVALID',
    )
    assert.match(error.message, /^backup\.yaml:1: backup_id must be 1 to 128 letters/)
    const quoted = { ID: 'a", compression: "lz4' }
    await failure(
      { text: `backup: { compression: "${ref('ID')}" }`, env: quoted, flags: ENOUGH.backup },
      'KB_CONFIG_INVALID',
    )
  })

  it('must be set: the error has the place, the key and the variable', async () => {
    const text = `source:\n  topics:\n    include:\n      - a\n      - ${ref('NOBODY_SET_THIS')}`
    const error = await failure(
      { text, flags: { ...ENOUGH.backup, 'source.topics.include': undefined } },
      'KB_CONFIG_UNSET_VARIABLE',
    )
    assert.equal(
      error.message,
      'backup.yaml:5: source.topics.include needs the environment variable NOBODY_SET_THIS, which is not set',
    )
    assert.deepEqual(error.context, { file: 'backup.yaml', line: 5, key: 'source.topics.include' })
  })

  it('say how a reference is written when it is malformed', async () => {
    const error = await failure(
      { text: 'backup_id: "a${b"', flags: { ...ENOUGH.backup, backup_id: undefined } },
      'KB_CONFIG_INVALID',
    )
    assert.match(error.message, /^backup\.yaml:1: backup_id must have a name in \$\{…\}/)
  })

  it('are left alone in flags, variables, comments and ignored sections', async () => {
    const text = `# ${ref('NOBODY')}\nsomething_else:\n  key: ${ref('NOBODY')}`
    const { warnings } = await load({ text, flags: ENOUGH.backup })
    assert.equal(warnings.length, 1)
    const flags = { ...ENOUGH.backup, repo: `file:///${ref('NOBODY')}` }
    assert.equal((await load({ flags })).config.repositoryUrl, `file:///${ref('NOBODY')}`)
  })
})
