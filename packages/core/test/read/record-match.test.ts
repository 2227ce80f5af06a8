import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KafkaRecord } from '../../src/protocol/record.ts'
import { type RecordCriteria, recordTest } from '../../src/read/record-match.ts'
import { expectCode } from '../protocol/samples.ts'

const RECORD: KafkaRecord = {
  offset: 1n,
  timestamp: 0n,
  key: Buffer.from('customer-17'),
  value: Buffer.from('{"total":1250,"note":"größer"}'),
  headers: [
    { name: 'trace', nameBytes: Buffer.from('trace'), value: Buffer.from('abc') },
    { name: 'trace', nameBytes: Buffer.from('trace'), value: Buffer.from([0xff, 0xfe]) },
    { name: 'none', nameBytes: Buffer.from('none'), value: null },
  ],
}

function fits(criteria: Partial<RecordCriteria>, record = RECORD): boolean {
  return recordTest({ headers: [], searched: ['key', 'value', 'headers'], ...criteria })(record)
}

test('finds texts and expressions in the parts that are searched', () => {
  assert.ok(fits({}))
  assert.ok(fits({ pattern: 'omer-1' }))
  assert.ok(!fits({ pattern: 'omer-1', searched: ['value', 'headers'] }))
  assert.ok(fits({ pattern: 'größer' }))
  assert.ok(fits({ pattern: 'bc', searched: ['headers'] }))
  assert.ok(!fits({ pattern: '1[0-9]50' }))
  assert.ok(fits({ pattern: '~1[0-9]50' }))
  assert.ok(fits({ pattern: '~gr.ßer"}$' }))
  assert.ok(!fits({ pattern: '~^total' }))
  assert.ok(!fits({ pattern: '~[x-z]{2}', searched: ['headers'] }), 'also in what is no text')
  assert.ok(!fits({ pattern: 'x' }, { ...RECORD, key: null, value: null, headers: [] }))
})

test('compares keys and headers as a whole', () => {
  assert.ok(fits({ key: 'customer-17' }))
  assert.ok(!fits({ key: 'customer-1' }))
  assert.ok(!fits({ key: '' }, { ...RECORD, key: null }))
  assert.ok(fits({ key: '' }, { ...RECORD, key: Buffer.alloc(0) }))
  assert.ok(fits({ headers: [{ name: 'trace', value: 'abc' }] }))
  assert.ok(!fits({ headers: [{ name: 'trace', value: 'ab' }] }))
  assert.ok(!fits({ headers: [{ name: 'none', value: '' }] }))
  const both = [
    { name: 'trace', value: 'abc' },
    { name: 'other', value: 'abc' },
  ]
  assert.ok(!fits({ headers: both }))
})

test('refuses what is no expression, and what is too large to be linear in practice', () => {
  expectCode('KB_USAGE', () => fits({ pattern: '~(' }))
  expectCode('KB_USAGE', () => fits({ pattern: '~(a)\\1' }))
  expectCode('KB_USAGE', () => fits({ pattern: '' }))
  expectCode('KB_USAGE', () => fits({ pattern: 'x'.repeat(1_001) }))
  expectCode('KB_USAGE', () => fits({ pattern: '~((a{100}){100}){10}' }))
})

test('an expression that makes others backtrack takes time linear in the value', () => {
  const timeMs = (length: number) => {
    const value = Buffer.from(`${'a'.repeat(length)}!`)
    const began = performance.now()
    assert.ok(!fits({ pattern: '~^(a+)+$', searched: ['value'] }, { ...RECORD, value }))
    return performance.now() - began
  }
  timeMs(20_000)
  const [short, long] = [timeMs(20_000), timeMs(200_000)]
  assert.ok(long < 60 * short + 100, `${short} ms for a tenth, ${long} ms`)
})
