import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canonicalJson,
  type JsonValue,
  parseCanonical,
  parseSealed,
  sealDocument,
  sha256Hex,
} from '../../src/format/canonical-json.ts'
import { expectCode } from '../protocol/samples.ts'

test('keys are sorted by code unit, and nothing but the values is written', () => {
  const value = {
    b: [1, 'x', null, true],
    a: { z: 0, B: -5, é: 'é\n"\\', '10': '', '9': 1 },
    left: undefined,
  }
  assert.equal(
    canonicalJson(value),
    '{"a":{"10":"","9":1,"B":-5,"z":0,"é":"é\\n\\"\\\\"},"b":[1,"x",null,true]}',
  )
  // UTF-16 order: a surrogate pair (U+1F600) stands before U+FF00.
  assert.equal(canonicalJson({ '\uff00': 1, '\u{1f600}': 2 }), '{"\u{1f600}":2,"\uff00":1}')
  assert.equal(canonicalJson(2n ** 60n), '1152921504606846976')
})

test('numbers that readers would not agree on are never written', () => {
  for (const number of [0.5, Number.NaN, 2 ** 53, -0, Number.POSITIVE_INFINITY]) {
    expectCode('KB_INTERNAL', () => canonicalJson({ number }), String(number))
  }
})

const parse = (text: string) => parseCanonical(Buffer.from(text), true)

test('only the canonical form is read', () => {
  assert.deepEqual(parse('{"a":1,"b":{"c":[]}}\n'), { a: 1, b: { c: [] } })
  const refused = {
    'keys out of order': '{"b":1,"a":1}\n',
    'a key twice': '{"a":1,"a":1}\n',
    'white space': '{"a": 1}\n',
    'no newline': '{"a":1}',
    'two newlines': '{"a":1}\n\n',
    'a longer escape': '{"a":"\\u0041"}\n',
    'an escaped slash': '{"a":"\\/"}\n',
    exponent: '{"a":1e2}\n',
    fraction: '{"a":1.0}\n',
    'a real fraction': '{"a":1.5}\n',
    'minus zero': '{"a":-0}\n',
    'beyond 2^53': '{"a":9007199254740993}\n',
    'a byte order mark': '\ufeff{"a":1}\n',
    list: '[]\n',
    null: 'null\n',
    empty: '',
  }
  for (const [what, text] of Object.entries(refused)) {
    assert.throws(
      () => parse(text),
      (error) => (error as Error).name !== 'KafkaBackupError',
      what,
    )
  }
  assert.throws(() => parseCanonical(Buffer.from('7b2261223a22ff227d0a', 'hex'), true), TypeError)
})

test('names that mean something to JavaScript are ordinary keys', () => {
  const text = '{"__proto__":{"a":1},"constructor":2}\n'
  const parsed = parse(text)
  assert.equal(canonicalJson(parsed as JsonValue), text.trim())
  assert.equal(Object.getPrototypeOf(parsed), Object.prototype)
  const sealed = parseSealed(sealDocument(parsed as { [key: string]: JsonValue }))
  assert.equal(canonicalJson(sealed as JsonValue), text.trim())
})

test('a seal covers every bit of a document', () => {
  const document = { format: 'x', list: [1, 2, { deep: 'ü' }], number: 12 }
  const bytes = sealDocument(document)
  assert.deepEqual(parseSealed(bytes), document)
  assert.ok(bytes.includes(`"sha256":"${sha256Hex(canonicalJson(document))}"`))
  for (let at = 0; at < bytes.length * 8; at++) {
    const changed = Buffer.from(bytes)
    changed[at >> 3]! ^= 1 << (at & 7)
    assert.throws(() => parseSealed(changed), `byte ${at >> 3}`)
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => parseSealed(bytes.subarray(0, length)), `${length} bytes`)
  }
})
