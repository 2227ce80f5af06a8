import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KafkaRecord } from '@kafka-backup/core'
import type { OutputFormat } from '../src/command.ts'
import { recordFormatOf } from '../src/record-format.ts'

const HEADERS = [
  { name: 'trace', nameBytes: Buffer.from('trace'), value: Buffer.from('a b') },
  { name: 'trace', nameBytes: Buffer.from('trace'), value: null },
  { name: 'raw', nameBytes: Buffer.from([0xff]), value: Buffer.alloc(0) },
]

function printed(
  outputFormat: OutputFormat,
  content: Partial<KafkaRecord>,
  options: Record<string, unknown> = {},
): string {
  const record = {
    offset: 9_007_199_254_740_993n,
    timestamp: 1_700_000_000_123n,
    key: null,
    value: null,
    headers: [],
    ...content,
  }
  const pieces = recordFormatOf({ options, outputFormat })({ topic: 'orders', partition: 3, record })
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece as string))).toString('latin1')
}

const PLACE = 'orders/3  9007199254740993  2023-11-14T22:13:20.123Z'

test('a line shows text, and nothing that a terminal would obey', () => {
  const line = (value: Buffer | string | null) =>
    printed('table', { key: Buffer.from('k'), value: typeof value === 'string' ? Buffer.from(value) : value })
  assert.equal(line('plain {"a": 1}'), `${PLACE}  k  plain {"a": 1}\n`)
  assert.equal(line(null), `${PLACE}  k  null\n`)
  // What looks like something else is quoted.
  assert.equal(line('null'), `${PLACE}  k  "null"\n`)
  assert.equal(line(''), `${PLACE}  k  ""\n`)
  assert.equal(line('0xff'), `${PLACE}  k  "0xff"\n`)
  assert.equal(line(Buffer.from([0xff, 0])), `${PLACE}  k  0xff00\n`)
  assert.equal(line('a\nb\u001b[31m\u202ec\u009b'), `${PLACE}  k  "a\\nb\\u001b[31m\\u202ec\\u009b"\n`)
  assert.equal(
    printed('table', { value: Buffer.from('v'), headers: HEADERS, timestamp: -1n }),
    'orders/3  9007199254740993  \xe2\x80\x93  null  [trace=a b trace=null 0xff=""]  v\n',
  )
})

test('a document keeps null, empty, text and bytes apart, and headers in order', () => {
  const text = printed('ndjson', { key: Buffer.alloc(0), value: Buffer.from([0xff, 0]), headers: HEADERS })
  assert.ok(text.endsWith('}\n') && !text.slice(0, -1).includes('\n'))
  assert.deepEqual(JSON.parse(text), {
    topic: 'orders',
    partition: 3,
    offset: '9007199254740993',
    timestamp: '1700000000123',
    key: '',
    key_encoding: 'utf8',
    value: '/wA=',
    value_encoding: 'base64',
    headers: [
      { name: 'trace', name_encoding: 'utf8', value: 'a b', value_encoding: 'utf8' },
      { name: 'trace', name_encoding: 'utf8', value: null, value_encoding: null },
      { name: '/w==', name_encoding: 'base64', value: '', value_encoding: 'utf8' },
    ],
  })
  const odd = Buffer.from('"\\\n\u009b\u2028\u202e')
  const safe = printed('ndjson', { value: odd })
  assert.match(safe, /\\u009b\\u2028\\u202e/)
  assert.equal(JSON.parse(safe).value, odd.toString())
})

test('raw gives the very bytes of values, hex those of everything', () => {
  const value = Buffer.from([0xff, 10, 0])
  assert.equal(printed('raw', { key: Buffer.from('k'), value }), '\xff\n\0\n')
  assert.equal(printed('raw', { value: null }), '\n')
  assert.equal(printed('raw', { value }, { delimiter: '\\0' }), '\xff\n\0\0')
  assert.equal(printed('raw', { value }, { delimiter: '\\xff\\t' }), '\xff\n\0\xff\t')
  assert.equal(printed('raw', { value }, { delimiter: '' }), '\xff\n\0')
  assert.equal(
    printed('hex', { value, key: Buffer.alloc(0), headers: HEADERS }),
    `${PLACE}  ""  [7472616365=612062 7472616365=null ff=""]  ff0a00\n`,
  )
})

test('JSON documents stand in their line as they are: all digits, names that are there twice', () => {
  const decode = { decode: 'json' }
  const value = Buffer.from(
    '{\n  "n": 12345678901234567890.10,\t"n": "a \\" \\\\" , "deep": [ 1 , { } ]\r\n}',
  )
  const compact = '{"n":12345678901234567890.10,"n":"a \\" \\\\","deep":[1,{}]}'
  const line = printed('ndjson', { key: Buffer.from('no json'), value }, decode)
  assert.ok(line.includes(`"value":${compact},"value_encoding":"json"`), line)
  assert.ok(line.includes('"key":"no json","key_encoding":"utf8"'), line)
  assert.equal(printed('table', { key: Buffer.from([0xff]), value }, decode), `${PLACE}  0xff  ${compact}\n`)
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  assert.ok(printed('ndjson', { value: Buffer.from(deep) }, decode).includes(deep))
})

test('records of other topics and unknown versions stay visible as records of groups', () => {
  const decode = { decode: 'consumer-offsets' }
  const document = JSON.parse(
    printed('ndjson', { key: Buffer.from([0, 99, 1]), value: Buffer.from('x') }, decode),
  )
  assert.deepEqual(document.key, {
    type: 'undecoded',
    version: 99,
    reason: 'keys of type 99 are not known',
    base64: 'AGMB',
  })
  assert.equal(document.value.base64, 'eA==')
  assert.equal(JSON.parse(printed('ndjson', { value: Buffer.from('x') }, decode)).value, 'x')
})

test('options that contradict the format are refused, and so is a record that is too large for a line', () => {
  const refuse = (format: OutputFormat, options: Record<string, unknown>, what: RegExp) =>
    assert.throws(() => printed(format, {}, options), what)
  refuse('ndjson', { delimiter: ';' }, /--delimiter is for/)
  refuse('raw', { decode: 'json' }, /takes no --decode/)
  refuse('table', { decode: 'avro' }, /--decode takes json or consumer-offsets/)
  const value = Buffer.alloc(81 * 1024 * 1024)
  assert.throws(() => printed('hex', { value }), /offset 9007199254740993 of orders\/3 has \d+ bytes/)
  assert.ok(printed('hex', { value: value.subarray(0, 1_000_000) }).length > 2_000_000)
})
