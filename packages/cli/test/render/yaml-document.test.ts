import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { renderJson } from '../../src/render/json-document.ts'
import { renderYaml } from '../../src/render/yaml-document.ts'

const TEXTS = [
  ...['', 'plain', 'two words', 'a: b', '- x', '#no', 'no', 'NULL', '~', '1', '1e3', '0x1f', '2026-01-01'],
  ...[
    "it's",
    '"q"',
    'a\nb',
    '\t',
    '\u0085\u2028\ufeff',
    '\u001b[2J',
    '\u{1f4be}',
    '\u{e0001}',
    '{',
    '*a',
    '&a',
    '!t',
  ],
]

test('YAML says what JSON says, whatever stands in it', () => {
  const document = {
    kind: 'x',
    offset: 9_007_199_254_740_993n,
    none: null,
    left: undefined,
    flag: true,
    empty: [[], {}, [[]]],
    nested: [{ a: 1, b: [{ c: 'd' }, 'e'] }, [1, [2, 3]]],
    texts: TEXTS,
    ...Object.fromEntries(TEXTS.map((text) => [text, text])),
  }
  for (const version of ['1.1', '1.2'] as const)
    assert.deepEqual(parse(renderYaml(document), { version }), JSON.parse(renderJson(document)))
  for (const bare of ['no', '7', ['x'], [], {}]) assert.deepEqual(parse(renderYaml(bare)), bare)
})

test('it is laid out for people', () => {
  const document = { kind: 'x', list: [{ a: 'b', c: [] }, { a: 'd e' }], none: null }
  const lines = ['kind: x', 'list:', '  - a: b', '    c: []', '  - a: "d e"', 'none: null']
  assert.equal(renderYaml(document), lines.join('\n'))
})
