import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createAuthority } from '@kafka-backup/testkit'
import { type ConfigSources, loadConfig } from '../../src/config/load-config.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { ENOUGH, failure, load, withFolder } from './sandbox.ts'

const flags = ENOUGH.backup

describe('a file that cannot be read', () => {
  it('is named when it does not exist or is a folder', async () => {
    await withFolder(async (cwd) => {
      await mkdir(join(cwd, 'folder'))
      for (const file of ['absent.yaml', 'folder']) {
        await assert.rejects(loadConfig({ verb: 'backup', file, flags, env: {}, cwd }), (error) => {
          assert.ok(isKafkaBackupError(error, 'KB_CONFIG_UNREADABLE'))
          assert.match(error.message, new RegExp(`^cannot read ${file}: E[A-Z]+$`))
          assert.equal(error.context.file, file)
          return true
        })
      }
    })
  })

  it('is refused when it is larger than the limit, without reading it whole', async () => {
    const error = await failure({ flags, text: '#'.repeat(LIMITS.configMaxBytes + 1) }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /must not be larger than 1048576 bytes/)
    await load({ flags, text: '#'.repeat(LIMITS.configMaxBytes) })
    await assert.rejects(
      loadConfig({ verb: 'backup', file: '/dev/zero', flags, env: {}, cwd: '/' }),
      /must not be larger/,
    )
  })

  it('is refused when it is not UTF-8', async () => {
    const error = await failure({ flags, text: Uint8Array.of(0x61, 0x3a, 0xff) }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /not UTF-8/)
  })

  it('may be empty, or only comments', async () => {
    for (const text of ['', '# nothing\n', '---\n', '\ufeff', 'backup:\nsource: ~\n']) {
      assert.deepEqual((await load({ flags, text })).warnings, [], JSON.stringify(text))
    }
  })
})

describe('a file that gives its content once', () => {
  it('is told from those that can be read again', () =>
    withFolder(async (cwd) => {
      const pem = createAuthority('Authority').certificatePem
      const secure = {
        ...flags,
        'source.security.security_protocol': 'SSL',
        'source.security.ssl_ca_location': 'ca',
      }
      const isReadOnce = async (file: string, given: ConfigSources['flags']) =>
        (await loadConfig({ verb: 'backup', file, flags: given, env: {}, cwd })).isReadOnce
      execFileSync('mkfifo', [join(cwd, 'pipe.yaml'), join(cwd, 'ca')])
      await writeFile(join(cwd, 'plain.yaml'), '')
      const pass = (name: string, text: string) => writeFile(join(cwd, name), text)
      const piped = await Promise.all([isReadOnce('pipe.yaml', flags), pass('pipe.yaml', '')])
      const ofAuthority = await Promise.all([isReadOnce('plain.yaml', secure), pass('ca', pem)])
      assert.deepEqual([piped[0], ofAuthority[0]], [true, true])
      assert.deepEqual(
        [await isReadOnce('plain.yaml', flags), (await load({ flags })).isReadOnce],
        [false, false],
      )
    }))
})

describe('YAML that is not accepted', () => {
  const cases: readonly [string, string, RegExp, number][] = [
    ['broken syntax', 'backup_id: a\nsource: [', /not valid YAML/, 2],
    ['tabs as indentation', 'backup:\n\tcompression: lz4', /not valid YAML/, 2],
    ['two documents', 'backup_id: a\n---\nbackup_id: b', /not valid YAML/, 2],
    ['a list', '- a\n- b', /must hold settings/, 1],
    ['a text', 'hello', /must hold settings/, 1],
    [
      'a key written twice',
      'backup:\n  compression: lz4\n  compression: zstd',
      /compression is written twice \(first in line 2\)/,
      3,
    ],
    ['a section written twice', 'backup: {}\nother: 1\nbackup: {}', /backup is written twice/, 3],
    ['a key written twice in an ignored section', 'other:\n  a: 1\n  a: 2', /a is written twice/, 3],
    ['a tag of its own', 'backup:\n  start_offset: !specific { a: 1 }', /tag/i, 2],
    ['a tag for code', 'backup_id: !!js/function "x"', /tag/i, 1],
    ['a tag for bytes', 'backup_id: !!binary aGk=', /tag/i, 1],
    ['a tag on a map', 'backup: !!omap\n  - a: 1', /tag/i, 2],
    ['a prototype', '__proto__:\n  backup_id: evil', /__proto__ cannot be a key/, 1],
    [
      'a prototype in a section',
      'backup:\n  __proto__: { compression: lz4 }',
      /backup\.__proto__ cannot be a key/,
      2,
    ],
    ['an alias of nothing', 'backup_id: *nobody', /there is no anchor of this name before this alias/, 1],
    ['a key that is a list', '? [a, b]\n: 1', /a key must be a plain name/, 1],
    ['deep nesting', '['.repeat(20_000), /nested too deeply/, 1],
    ['a section that is a value', 'backup_id: a\nbackup: fast', /backup must be a section/, 2],
    ['a section that is a list', 'source: [a]', /source must be a section/, 1],
  ]
  for (const [what, text, message, line] of cases) {
    it(what, async () => {
      const error = await failure({ flags, text }, 'KB_CONFIG_INVALID')
      assert.match(error.message, message)
      assert.deepEqual([error.context.file, error.context.line], ['backup.yaml', line])
      assert.ok(error.message.startsWith(`backup.yaml:${line}: `))
    })
  }

  for (const value of [
    ...['*CANARY', '!CANARY', '!CANARY x', '!<CANARY', '!!CANARY x', '!CANARY!x y', '|CANARY', '>CANARY'],
    ...[
      ']CANARY',
      '}CANARY',
      '"CANARY',
      '"a"CANARY',
      '"a\\CANARY"',
      '%CANARY',
      '@CANARY',
      '[CANARY',
      'a: CANARY',
    ],
  ]) {
    it(`repeats nothing of a secret without its quotes: ${value}`, async () => {
      const text = `storage:\n  access_key: AK\n  secret_key: ${value}`
      const error = await failure({ flags, text }, 'KB_CONFIG_INVALID')
      assert.doesNotMatch(`${error.message} ${error.hint}`, /ANARY/)
    })
  }

  it('leaves the prototype of objects as it was', async () => {
    const text =
      'restore:\n  topic_mapping: { __proto__: evil, constructor: other }\nconstructor: { prototype: { evil: 1 } }'
    const { config } = await load({ flags: ENOUGH.restore, verb: 'restore', text })
    assert.equal(config.restore.topicMapping.get('__proto__'), 'evil')
    assert.equal(({} as Record<string, unknown>).evil, undefined)
  })
})

describe('anchors and aliases', () => {
  it('repeat a value or a section', async () => {
    const text = 'source:\n  bootstrap_servers: &brokers [a:1, b:2]\ntarget:\n  bootstrap_servers: *brokers'
    const { config } = await load({ flags: { ...flags, 'source.bootstrap_servers': undefined }, text })
    assert.deepEqual(config.source?.bootstrapServers, ['a:1', 'b:2'])
    assert.deepEqual(config.target?.bootstrapServers, ['a:1', 'b:2'])
  })

  it('do not explode: ten levels of ten would be ten thousand million texts', async () => {
    const levels = Array.from({ length: 10 }, (_, level) => {
      const item = level === 0 ? 'orders' : `*l${level - 1}`
      return `l${level}: &l${level} [${Array.from({ length: 10 }, () => item).join(', ')}]`
    })
    const text = [...levels, 'source: { topics: { include: *l9 } }'].join('\n')
    const began = performance.now()
    await failure({ flags, text }, 'KB_CONFIG_INVALID')
    await failure(
      { flags: { ...flags, 'source.topics.include': undefined }, text: text.replaceAll('10', '6') },
      'KB_CONFIG_INVALID',
    )
    assert.ok(performance.now() - began < 10_000)
  })

  it('may contain themselves without end', async () => {
    await failure({ flags, text: 'source: &s\n  topics: *s' }, 'KB_CONFIG_UNKNOWN_KEY')
    const list = 'source:\n  topics:\n    include: &l [*l]'
    await failure(
      { flags: { ...flags, 'source.topics.include': undefined }, text: list },
      'KB_CONFIG_INVALID',
    )
  })

  it('are counted', async () => {
    const text = `a: &a orders\nb: [${'*a, '.repeat(65)}]`
    assert.match((await failure({ flags, text }, 'KB_CONFIG_INVALID')).message, /more than 64 aliases/)
  })
})

describe('a file of the largest size', () => {
  it('is checked in time, with as many keys as fit', { timeout: 60_000 }, async () => {
    const keys = Array.from({ length: 80_000 }, (_, at) => `  k${at}: 1`)
    const error = await failure({ flags, text: `backup:\n${keys.join('\n')}` }, 'KB_CONFIG_UNKNOWN_KEY')
    assert.match(error.message, /\nand 79989 more$/)
  })
})
