import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mappedTopics, topicMappingComplaint } from '../../src/config/topic-mapping.ts'
import { expectCode } from '../protocol/samples.ts'
import { ENOUGH, load } from './sandbox.ts'

const TOPICS = ['audit', 'orders-eu', 'orders-us', 'orders-']

function mapped(rules: Readonly<Record<string, string>>): unknown {
  return Object.fromEntries(mappedTopics(new Map(Object.entries(rules)), TOPICS))
}

describe('new names', () => {
  it('carry over what the star of a pattern stands for', () => {
    assert.deepEqual(mapped({ 'orders-*': 'dr-*-orders' }), {
      'orders-eu': 'dr-eu-orders',
      'orders-us': 'dr-us-orders',
      'orders-': 'dr--orders',
    })
    assert.deepEqual(mapped({ '*-eu': 'eu' }), { 'orders-eu': 'eu' })
  })

  it('carry over the groups of an expression', () => {
    assert.deepEqual(mapped({ '~(orders)-(eu|us)': '$2.$1' }), {
      'orders-eu': 'eu.orders',
      'orders-us': 'us.orders',
    })
  })

  it('come from an exact rule first, then from the first pattern that fits', () => {
    assert.deepEqual(mapped({ '*-eu': 'first-*', 'orders-*': 'second-*', 'orders-us': 'exact' }), {
      'orders-us': 'exact',
      'orders-eu': 'first-orders',
      'orders-': 'second-',
    })
  })

  it('are refused when a pattern fits no topic, or gives what is no name', () => {
    expectCode('KB_TOPIC_NOT_FOUND', () => mapped({ 'payments-*': 'x-*' }))
    expectCode('KB_USAGE', () => mapped({ 'orders-*': '*' }))
  })

  it('are written as one text with commas inside of expressions', async () => {
    const flags = { ...ENOUGH.restore, 'restore.topic_mapping': '~a{1,2}(b|c)=x-$1,old-*=new-*,p=q' }
    const { config } = await load({ verb: 'restore', flags })
    assert.deepEqual(
      [...config.restore.topicMapping],
      [
        ['~a{1,2}(b|c)', 'x-$1'],
        ['old-*', 'new-*'],
        ['p', 'q'],
      ],
    )
  })

  it('must be of one of the three kinds', () => {
    for (const [from, to] of [
      ['a', 'b*'],
      ['a*', 'b**'],
      ['a?', 'b'],
      ['~a', 'b$1'],
      ['~a', 'b/c'],
      ['~', 'b'],
    ]) {
      assert.notEqual(topicMappingComplaint(from ?? '', to ?? ''), undefined, `${from}=${to}`)
    }
    for (const [from, to] of [
      ['a', 'b'],
      ['a*', 'b'],
      ['a*', '*'],
      ['~a(.)', '$1'],
    ]) {
      assert.equal(topicMappingComplaint(from ?? '', to ?? ''), undefined, `${from}=${to}`)
    }
  })
})

describe('sections of a restore', () => {
  it('repartition topics by name, in a file and as one text', async () => {
    const text =
      'restore:\n  repartitioning:\n    orders: { strategy: automatic, target_partitions: 12 }\n    audit: 3'
    const fromFile = await load({ verb: 'restore', flags: ENOUGH.restore, text })
    assert.deepEqual(Object.fromEntries(fromFile.config.restore.repartitioning), { orders: 12, audit: 3 })
    const flags = { ...ENOUGH.restore, 'restore.repartitioning': 'orders=12,audit=3' }
    const fromFlag = await load({ verb: 'restore', flags })
    assert.deepEqual(Object.fromEntries(fromFlag.config.restore.repartitioning), { orders: 12, audit: 3 })
  })

  it('override settings of all topics and of one', async () => {
    const text =
      'restore:\n  topic_config_overrides:\n    retention.ms: -1\n    orders:\n      cleanup.policy: "compact,delete"'
    const { config } = await load({ verb: 'restore', flags: ENOUGH.restore, text })
    const overrides = [...config.restore.topicConfigOverrides].map(([topic, own]) => [
      topic,
      Object.fromEntries(own),
    ])
    assert.deepEqual(overrides, [
      ['*', { 'retention.ms': '-1' }],
      ['orders', { 'cleanup.policy': 'compact,delete' }],
    ])
  })
})
