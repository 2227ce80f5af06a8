import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkLayers } from '../../scripts/layer-check.ts'
import { runScript, withTree } from './temp-tree.ts'

const CORE = 'packages/core/src'

interface Planted {
  readonly file: string
  readonly text: string
  readonly rule: RegExp
}

/** An import in a folder of core, of a file of another one. */
const inCore = (folder: string, specifier: string, rule: RegExp): Planted => ({
  file: `${CORE}/${folder}/planted.ts`,
  text: `import { a } from '${specifier}'\n`,
  rule,
})

const BELOW = /is below/
const SAME_ROW = /are in one row/

const WRONG_LAYERS: readonly Planted[] = [
  inCore('errors', '../runtime/clock.ts', SAME_ROW),
  inCore('errors', '../events/run-event.ts', SAME_ROW),
  inCore('runtime', '../events/run-event.ts', SAME_ROW),
  inCore('runtime', '../protocol/record.ts', BELOW),
  inCore('protocol', '../kafka/cluster.ts', BELOW),
  inCore('kafka', '../storage/storage-backend.ts', SAME_ROW),
  inCore('storage', '../kafka/cluster.ts', SAME_ROW),
  inCore('storage', '../repository/key-layout.ts', BELOW),
  inCore('format', '../repository/key-layout.ts', BELOW),
  inCore('repository', '../backup/backup-plan.ts', BELOW),
  inCore('backup', '../restore/restore-plan.ts', SAME_ROW),
  inCore('verify', '../offsets/reset-plan.ts', SAME_ROW),
  inCore('restore', '../config/config.ts', BELOW),
  inCore('config', '../plugin/registry.ts', SAME_ROW),
  inCore('observe', '../config/config.ts', SAME_ROW),
  inCore('backup', '../index.ts', /nothing imports index\.ts/),
  inCore('backup', '../doors/errors.ts', /nothing imports index\.ts, internal\.ts, doors/),
  inCore('doors', '../index.ts', /nothing imports index\.ts/),
  inCore('doors', './errors.ts', /nothing imports index\.ts, internal\.ts, doors/),
  inCore('surprise', '../errors/error-codes.ts', /in no row/),
  inCore('backup', '../surprise/a.ts', /in no row/),
  { file: `${CORE}/stray.ts`, text: `import './errors/a.ts'\n`, rule: /directly in core\/src/ },
]

const WRONG_IO: readonly Planted[] = [
  inCore('protocol', 'node:fs', /protocol does no I\/O/),
  inCore('protocol', 'net', /protocol does no I\/O/),
  inCore('format', 'node:http', /format does no I\/O/),
  inCore('format', 'node:child_process', /format does no I\/O/),
  inCore('format', 'node:fs/promises', /format does no I\/O/),
  inCore('protocol', '@platformatic/kafka', /protocol does no I\/O/),
]

const CLI = 'packages/cli/src/planted.ts'

const WRONG_PACKAGES: readonly Planted[] = [
  {
    file: CLI,
    text: `import '@kafka-backup/core/src/index.ts'\n`,
    rule: /imports only @kafka-backup\/core and its doors/,
  },
  {
    file: CLI,
    text: `import '@kafka-backup/testkit'\n`,
    rule: /imports only @kafka-backup\/core and its doors/,
  },
  { file: CLI, text: `import '../../core/src/index.ts'\n`, rule: /stays inside its package/ },
  { file: CLI, text: `import '../test/a.ts'\n`, rule: /only tests import tests/ },
  { file: CLI, text: `import './a.test.ts'\n`, rule: /only tests import tests/ },
  { file: CLI, text: `import '../../../enterprise/src/main.ts'\n`, rule: /nothing under packages/ },
  {
    file: 'packages/cli/test/a.test.ts',
    text: `import '@kafka-backup/enterprise'\n`,
    rule: /nothing under packages/,
  },
  {
    file: 'packages/testkit/src/a.ts',
    text: `import 'kafka-backup'\n`,
    rule: /imports only @kafka-backup\/core and its doors/,
  },
  { file: 'packages/testkit/src/a.ts', text: `import '../../core/src/a.ts'\n`, rule: /stays inside/ },
  { file: 'packages/other/src/a.ts', text: `import '@kafka-backup/core'\n`, rule: /in no table/ },
  inCore('backup', '@kafka-backup/core', /core imports no other package/),
  inCore('backup', '@kafka-backup/testkit', /core imports no other package/),
]

const wrongForm = (text: string, rule = BELOW): Planted => ({ file: `${CORE}/errors/planted.ts`, text, rule })

const WRONG_FORMS: readonly Planted[] = [
  wrongForm(`import type { A } from '../kafka/a.ts'\n`),
  wrongForm(`import {\n  type A,\n  b,\n} from "../kafka/a.ts"\n`),
  wrongForm(`export * from '../kafka/a.ts'\n`),
  wrongForm(`export { a } from '../kafka/a.ts'\n`),
  wrongForm(`import '../kafka/a.ts'\n`),
  wrongForm(`const a = await import('../kafka/a.ts')\n`),
  wrongForm('const a = await import(`../kafka/a.ts`)\n'),
  wrongForm(`type A = import('../kafka/a.ts').A\n`),
  wrongForm(`/* why */ import /* this */ { a } from /* here */ '../kafka/a.ts'\n`),
  wrongForm('const name = 1\nconst a = await import(name)\n', /by literal name only/),
  wrongForm('const a = await import(`../$' + '{name}.ts`)\n', /by literal name only/),
]

const wrongUse = (code: string, name: RegExp): Planted => ({
  file: `${CORE}/backup/planted.ts`,
  text: `const a = ${code}\n`,
  rule: name,
})

const WRONG_USES: readonly Planted[] = [
  wrongUse('Date.now()', /uses Date\.now/),
  wrongUse('new Date()', /uses new Date\(\)/),
  wrongUse('new Date', /uses new Date\(\)/),
  wrongUse('Math.random()', /uses Math\.random/),
  wrongUse('setTimeout(b, 1)', /uses setTimeout/),
  wrongUse('globalThis.setTimeout(b, 1)', /uses setTimeout/),
  wrongUse('setInterval(b, 1)', /uses setInterval/),
  wrongUse('process.exit(1)', /uses process\.exit/),
  { file: CLI, text: 'process.exit(1)\n', rule: /uses process\.exit/ },
  { file: 'packages/cli/bin/other.js', text: 'process.exit(1)\n', rule: /uses process\.exit/ },
]

describe('check-layers refuses', () => {
  const planted = [...WRONG_LAYERS, ...WRONG_IO, ...WRONG_PACKAGES, ...WRONG_FORMS, ...WRONG_USES]
  for (const { file, text, rule } of planted) {
    test(`${file}: ${text.trim()}`, () => {
      const { violations } = withTree({ [file]: text }, checkLayers)
      assert.equal(violations.length, 1, violations.join('\n'))
      assert.ok(violations[0]?.startsWith(`${file}:`), violations[0])
      assert.match(violations[0] ?? '', rule)
    })
  }

  test('a violation, with exit code 1', () => {
    const files = { [`${CORE}/format/a.ts`]: `\nimport { a } from 'node:fs'\n` }
    const { exitCode, output } = withTree(files, (root) => runScript('check-layers.ts', root))
    assert.equal(exitCode, 1)
    assert.match(output, /^packages\/core\/src\/format\/a\.ts:2 imports node:fs: format does no I\/O/)
  })
})

describe('check-layers accepts', () => {
  const good: Readonly<Record<string, string>> = {
    [`${CORE}/runtime/a.ts`]: `import '../errors/a.ts'\nsetTimeout(() => Math.random(), Date.now())\nprocess.exit(1)\n`,
    [`${CORE}/events/a.ts`]: `import '../errors/a.ts'\nimport '../runtime/a.ts'\nimport './b.ts'\n`,
    [`${CORE}/protocol/a.ts`]: `import 'node:zlib'\nimport 'node:crypto'\nimport 'lz4-napi'\nimport '../errors/a.ts'\n`,
    [`${CORE}/kafka/a.ts`]: `import 'node:net'\nimport '@platformatic/kafka'\nimport '../protocol/a.ts'\n`,
    [`${CORE}/kafka/wire-connection.ts`]: 'setTimeout(() => {}, 1)\n',
    [`${CORE}/storage/filesystem/a.ts`]: `import 'node:fs'\nimport '../storage-backend.ts'\n`,
    [`${CORE}/format/a.ts`]: `import 'node:util'\nimport 'node:buffer'\nimport 'zod'\nimport '../protocol/a.ts'\n`,
    [`${CORE}/backup/a.ts`]: `import '../repository/a.ts'\nimport '../kafka/a.ts'\nimport '../events/a.ts'\n`,
    [`${CORE}/plugin/a.ts`]: `import '../config/a.ts'\nimport '../observe/a.ts'\nimport '../verify/a.ts'\n`,
    [`${CORE}/index.ts`]: `export * from './doors/a.ts'\nexport * from './errors/a.ts'\n`,
    [`${CORE}/doors/a.ts`]: `export * from '../plugin/a.ts'\nexport * from '../errors/a.ts'\n`,
    [`${CORE}/internal.ts`]: `export * from './restore/a.ts'\n`,
    [`${CORE}/format/a.test.ts`]: `import 'node:fs'\nimport '../../../testkit/src/index.ts'\n`,
    'packages/cli/src/a.ts': `import '@kafka-backup/core'\nimport '@kafka-backup/core/internal'\nimport '@kafka-backup/core/errors'\nimport 'node:fs'\n`,
    'packages/cli/bin/kafka-backup.js': `process.exit(2)\nawait import('../src/main.ts')\n`,
    'packages/testkit/src/a.ts': `import '@kafka-backup/core'\nimport './b.ts'\nDate.now()\n`,
    'packages/core/test/a.test.ts': `import '../../testkit/src/a.ts'\nimport '../src/errors/a.ts'\n`,
  }
  const inert = [
    `// import '../kafka/a.ts'`,
    `/** See import('../kafka/a.ts') and Date.now(). */`,
    `const a = "import '../kafka/a.ts'"`,
    'const b = `import "../kafka/a.ts" $' + '{Buffer.from("x")} setTimeout(`',
    `const c = /from '..\\/kafka'/.test(Array.from('abc').join("'"))`,
    'const d = new Date(1), e = socket.setTimeout(5), f = process.exitCode',
  ].join('\n')

  test('what the rules allow', () => {
    const { exitCode, output } = withTree(good, (root) => runScript('check-layers.ts', root))
    assert.equal(exitCode, 0, output)
    assert.match(output, /17 files, 0 violations/)
  })

  test('comments, strings and look-alikes', () => {
    const { violations } = withTree({ [`${CORE}/errors/a.ts`]: inert }, checkLayers)
    assert.deepEqual(violations, [])
  })
})

test('check-layers fails when there is nothing to check', () => {
  const { exitCode, output } = withTree({ 'packages/core/README.md': '' }, (root) =>
    runScript('check-layers.ts', root),
  )
  assert.equal(exitCode, 1)
  assert.match(output, /nothing was checked/)
})
