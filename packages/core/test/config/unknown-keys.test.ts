import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { editDistance, suggest } from '../../src/runtime/suggestion.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

describe('an unknown key inside a section', () => {
  const cases: readonly [string, number, string][] = [
    [
      'backup:\n  compresion_level: 3',
      2,
      'backup.compresion_level is not a setting. Did you mean backup.compression_level?',
    ],
    [
      'backup:\n  segmentMaxBytes: 3',
      2,
      'backup.segmentMaxBytes is not a setting. Did you mean backup.segment_max_bytes?',
    ],
    ['backup:\n  compression: lz4\n  colour: red', 3, 'backup.colour is not a setting.'],
    ['source:\n  topic:\n    include: a', 2, 'source.topic is not a setting. Did you mean source.topics?'],
    [
      'source:\n  topics:\n    inclde: a',
      3,
      'source.topics.inclde is not a setting. Did you mean source.topics.include?',
    ],
    [
      'backup:\n  topic_mapping: {}',
      2,
      'backup.topic_mapping is not a setting. Did you mean restore.topic_mapping?',
    ],
    [
      'restore:\n  bootstrap_servers: a',
      2,
      'restore.bootstrap_servers is not a setting. Did you mean source.bootstrap_servers?',
    ],
    ['kafka:\n  broker: a', 2, 'kafka.broker is not a setting. Did you mean kafka.brokers?'],
    ['storage: { pth: /a }', 1, 'storage.pth is not a setting. Did you mean storage.path?'],
    ['backup:\n  <<: { compression: lz4 }', 2, 'backup.<< is not a setting.'],
    [
      'backup:\n  circuit_breaker.enabled: true',
      2,
      'backup.circuit_breaker.enabled is not a setting. Write enabled inside the section backup.circuit_breaker.',
    ],
    [
      'backup.compression: lz4',
      1,
      'backup.compression is not a setting. Write compression inside the section backup.',
    ],
    ['backup:\n  1: x', 2, 'backup.1 is not a setting.'],
    ['backup:\n  constructor: x', 2, 'backup.constructor is not a setting.'],
  ]
  for (const [text, line, message] of cases) {
    it(JSON.stringify(text), async () => {
      const error = await failure({ text, flags: ENOUGH.backup }, 'KB_CONFIG_UNKNOWN_KEY')
      assert.equal(error.message, `backup.yaml:${line}: ${message}`)
      assert.deepEqual([error.context.file, error.context.line], ['backup.yaml', line])
    })
  }
})

describe('an unknown section', () => {
  it('is ignored with one warning that names it, whatever is in it', async () => {
    const text =
      'labels:\n  team: [a, b]\n  deep: { er: { still: ~ } }\nbackup:\n  compression: lz4\nother: 5'
    const { config, warnings } = await load({ text, flags: ENOUGH.backup })
    assert.equal(config.backup.compression, 'lz4')
    assert.deepEqual(warnings, [
      'backup.yaml:1: the section labels is not known and is ignored.',
      'backup.yaml:6: the section other is not known and is ignored.',
    ])
  })

  it('asks about a name that is nearly a section', async () => {
    const { warnings } = await load({ text: 'bakup:\n  compression: lz4', flags: ENOUGH.backup })
    assert.deepEqual(warnings, [
      'backup.yaml:1: the section bakup is not known and is ignored. Did you mean backup?',
    ])
  })
})

describe('an unknown variable of the environment', () => {
  it('is a warning if it is nearly a setting, else it may be of another program', async () => {
    const env = {
      KAFKA_BACKUP_BACKUP_COMPRESION_LEVEL: '9',
      KAFKA_BACKUP_SERVICE_HOST: '10.0.0.1',
      KAFKA_BACKUP_SERVICE_PORT: '80',
      KAFKA_BACKUP_PORT_8080_TCP_ADDR: '10.0.0.1',
      KAFKA_BACKUP_LOG: 'debug',
      HOME: '/root',
    }
    const { warnings } = await load({ env, flags: ENOUGH.backup })
    assert.deepEqual(warnings, [
      'KAFKA_BACKUP_BACKUP_COMPRESION_LEVEL is not a setting. Did you mean KAFKA_BACKUP_BACKUP_COMPRESSION_LEVEL?',
    ])
  })
})

describe('suggestions', () => {
  it('count insertions, removals, replacements and swaps as one', () => {
    const cases: readonly [string, string, number][] = [
      ['', '', 0],
      ['', 'abc', 3],
      ['abc', 'abc', 0],
      ['abc', 'ab', 1],
      ['abc', 'abcd', 1],
      ['abc', 'axc', 1],
      ['abc', 'bac', 1],
      ['kitten', 'sitting', 3],
    ]
    for (const [left, right, distance] of cases) {
      assert.equal(editDistance(left, right), distance, `${left} ${right}`)
      assert.equal(editDistance(right, left), distance, `${right} ${left}`)
    }
  })

  it('give nothing that is far, and nothing for a name of any length', () => {
    assert.equal(suggest('colour', ['compression', 'continuous']), undefined)
    assert.equal(suggest('x', ['y']), undefined)
    assert.equal(suggest('compression'.repeat(1_000), ['compression']), undefined)
    assert.equal(suggest('fetch_max_byte', ['fetch_max_bytes', 'segment_max_bytes']), 'fetch_max_bytes')
  })
})
