import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import type { Setting, Verb } from '../../src/config/setting.ts'
import { isUsedBy } from '../../src/config/setting-names.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

const EFFECTIVE = SETTINGS.filter(({ status }) => status.kind === 'effective')

// Another value than the default, and one that its rule allows.
const OTHER_TEXT: Readonly<Record<string, string>> = {
  backup_id: 'another',
  repo: 'file:///another',
  'storage.path': '/another',
  'storage.prefix': 'below',
  'source.bootstrap_servers': 'broker-9:9092',
  'target.bootstrap_servers': 'broker-9:9092',
  'restore.topic_mapping': 'old=new',
  'source.rack_id': 'rack-a',
  'offset_storage.db_path': '/var/state/offsets.db',
  'metrics.file': '/var/metrics/backup.prom',
  'backup.partitions': '0-3,orders:1',
  'restore.partitions': '0-3,orders:1',
  'restore.source_partitions': '0,3',
  'restore.time_window_start': '2025-06-01T12:00:00Z',
  'restore.time_window_end': '-2h',
  'restore.offset_ranges': 'orders/3:100-200',
  'restore.partition_mapping': '0=4',
  'restore.repartitioning': 'orders-copy=12',
  'restore.topic_config_overrides': 'retention.ms=-1',
  'restore.source_cluster_id': 'east',
}

function otherText(setting: Setting): string {
  const { type, default: value } = setting
  switch (type.kind) {
    case 'integer':
      return String(value === type.max ? type.min : type.max)
    case 'boolean':
      return String(value !== true)
    case 'choice':
      return type.choices.find((choice) => choice !== value) ?? ''
    case 'list':
      return OTHER_TEXT[setting.path] ?? 'another-topic'
    default:
      return OTHER_TEXT[setting.path] ?? ''
  }
}

function comparable(config: Config): unknown {
  return JSON.parse(
    JSON.stringify(config, (_, value) => {
      if (typeof value === 'bigint') return `${value}n`
      return value instanceof Map ? Object.fromEntries(value) : value
    }),
  )
}

function enoughFor(setting: Setting, verb: Verb): Record<string, string> {
  const base = { ...ENOUGH[verb] } as Record<string, string>
  if (!setting.path.startsWith('storage.')) return base
  delete base.repo
  return { ...base, 'storage.path': '/some' }
}

/** The file that says one thing: nested sections around one value. */
function fileOf(path: string, text: string): string {
  const names = path.split('.')
  return names.map((name, depth) => `${'  '.repeat(depth)}${name}:`).join('\n') + ` ${JSON.stringify(text)}\n`
}

// Counts only together with others; see cluster-security.test.ts.
const isSecurityDetail = ({ path }: Setting): boolean =>
  path.includes('.security.') && !path.endsWith('.security_protocol')

// What each of them needs beside it depends on the backend; see storage-settings.test.ts.
const isOfStore = ({ path }: Setting): boolean =>
  path.startsWith('storage.') && !['storage.path', 'storage.prefix'].includes(path)

describe('every effective setting reaches the configuration', () => {
  for (const setting of EFFECTIVE.filter(
    (row) => row.path !== 'mode' && !isSecurityDetail(row) && !isOfStore(row),
  )) {
    const verb = (['backup', 'restore'] as const).find((candidate) => isUsedBy(setting, candidate)) ?? 'read'
    it(setting.path, async () => {
      const base = enoughFor(setting, verb)
      const before = comparable((await load({ verb, flags: base })).config)
      const text = otherText(setting)
      const byFlag = await load({ verb, flags: { ...base, [setting.path]: text } })
      assert.notDeepEqual(comparable(byFlag.config), before)
      assert.equal(byFlag.origins.get(setting.path), 'flag')
      const { [setting.path]: _, ...rest } = base
      const byFile = await load({ verb, flags: rest, text: fileOf(setting.path, text) })
      assert.deepEqual(comparable(byFile.config), comparable(byFlag.config))
      assert.deepEqual(byFile.warnings, [])
    })
  }
})

describe('a setting of security without those that it needs', () => {
  for (const setting of EFFECTIVE.filter(isSecurityDetail)) {
    it(`is refused, not ignored: ${setting.path}`, async () => {
      const verb = isUsedBy(setting, 'backup') ? 'backup' : 'restore'
      const text = fileOf(setting.path, otherText(setting) || 'something')
      const error = await failure({ verb, flags: ENOUGH[verb], text }, 'KB_CONFIG_INVALID')
      assert.ok(error.message.includes(setting.path), error.message)
    })
  }
})

describe('settings that are not effective', () => {
  const others = SETTINGS.filter(({ status }) => status.kind !== 'effective')
  for (const setting of others) {
    const verb = (['backup', 'restore', 'read'] as const).find((candidate) => isUsedBy(setting, candidate))
    assert.ok(verb)
    it(`${setting.path} is ${setting.status.kind}, with the reason`, async () => {
      const value = setting.type.kind === 'structure' ? '{ a: { b: 1 } }' : textFor(setting)
      const given = {
        verb,
        flags: enoughFor(setting, verb),
        text: `${fileOf(setting.path, '').slice(0, -3)}${value}`,
      }
      if (setting.status.kind === 'accepted') {
        const { warnings } = await load(given)
        assert.equal(warnings.length, 1)
        assert.match(warnings[0] ?? '', /^backup\.yaml:\d: \S+ has no effect: /)
        assert.ok(warnings[0]?.includes(setting.status.because))
      } else if (setting.status.kind === 'refused') {
        const error = await failure(given, 'KB_CONFIG_UNSUPPORTED')
        const { because, becauseOf } = setting.status
        assert.ok(
          [because, ...Object.values(becauseOf ?? {})].some((reason) => error.message.includes(reason)),
        )
        assert.match(error.message, /^backup\.yaml:\d: \S+ cannot be .*; nothing was started$/)
        assert.ok(error.context.line)
      }
    })
    if (setting.default === undefined) continue
    it(`${setting.path} may say what happens anyway`, async () => {
      const text = fileOf(setting.path, String(setting.default))
      const { warnings } = await load({ verb, flags: enoughFor(setting, verb), text })
      assert.deepEqual(warnings, [])
    })
  }

  function textFor(setting: Setting): string {
    if (setting.type.kind === 'pairs') return '{ a: b }'
    if (setting.type.kind === 'integer')
      return String(setting.default === setting.type.max ? 0 : setting.type.max)
    return otherText(setting) || 'something'
  }
})
