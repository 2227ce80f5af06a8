import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { measureFunctions } from '../../scripts/function-length.ts'
import { findImports, findInert, maskInert } from '../../scripts/source-scan.ts'

const kinds = (text: string): string[] =>
  findInert(text).map(({ kind, begin, end }) => `${kind} ${text.slice(begin, end)}`)

describe('what is no code', () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'a // b': ['comment // b'],
    'a /* b\n */ c': ['comment /* b\n */'],
    "a('it\\'s // no comment')": ["string 'it\\'s // no comment'"],
    'a / b / c': [],
    'a(/[/"]/g, b)': ['regex /[/"]/'],
    "return /'/.test(a)": ["regex /'/"],
    'a[0] / b; (c) / d': [],
    '`a ${b + `c ${"d"} e`} f`': ['template a ', 'template c ', 'string "d"', 'template  e', 'template  f'],
    '`a ${{ b: 1 }} c`; "d"': ['template a ', 'template  c', 'string "d"'],
    '`//` // b': ['template //', 'comment // b'],
    '"open\n// b': ['string "open', 'comment // b'],
    '#!/usr/bin/env node\n1': ['comment #!/usr/bin/env node'],
  }
  for (const [text, expected] of Object.entries(cases)) {
    test(text, () => assert.deepEqual(kinds(text), expected))
  }

  test('is blanked in place', () => {
    const text = `a // b\n"c" + \`d \${e}\``
    const masked = maskInert(text)
    assert.equal(masked, `a     \n" " + \`  \${e}\``)
    assert.equal(masked.length, text.length)
  })
})

test('imports are found with their lines', () => {
  const text =
    "import a from 'a'\nimport type {\n  B,\n} from 'b'\nexport * from \"c\"\nawait import('d')\nimport(e)\n"
  assert.deepEqual(findImports(text), [
    { specifier: 'a', line: 1 },
    { specifier: 'b', line: 4 },
    { specifier: 'c', line: 5 },
    { specifier: 'd', line: 6 },
    { specifier: null, line: 7 },
  ])
})

describe('functions are measured', () => {
  const lengths = (text: string): string[] =>
    measureFunctions(maskInert(text)).map(({ name, line, lines }) => `${line} ${name} ${lines}`)
  const cases: Readonly<Record<string, readonly string[]>> = {
    'function a() {\n}': ['1 a 2'],
    'function a(\n  b: string,\n): Map<string, { c: number }> {\n  b\n}': ['1 a 5'],
    'function a(b: unknown): asserts b is { c: 1 } {\n}': ['1 a 2'],
    'function a():\n  | { b: 1 }\n  | null {\n}': ['1 a 4'],
    'const a = async (b: string): Promise<void> => {\n}': ['1 (anonymous) 2'],
    'class A {\n  get b(): number {\n    return 1\n  }\n}': ['2 b 3'],
    'class A {\n  async *[Symbol.asyncIterator]() {\n  }\n}': ['2 (anonymous) 2'],
    'if (a) {\n}\nfor (const b of c) {\n}\nwhile (d) {\n}': [],
    'const a = b ? (c) : d\nif (e) {\n}': [],
    'switch (a) {\n  case b(1): {\n  }\n}': [],
    'interface A {\n  b(): void\n  c(): { d: 1 }\n}': [],
    "describe('a', () => {\n  test('b', () => {\n  })\n})": ['2 (anonymous) 2'],
    "function a() {\n  describe('b', () => {\n    1\n  })\n}": ['1 a 2'],
  }
  for (const [text, expected] of Object.entries(cases)) {
    test(text, () => assert.deepEqual(lengths(text), expected))
  }
})
