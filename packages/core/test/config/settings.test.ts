import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { renderConfigurationReference } from '../../src/config/configuration-reference.ts'
import { SETTING_ALIASES } from '../../src/config/setting-aliases.ts'
import { environmentVariableOf, flagOf, isUsedBy } from '../../src/config/setting-names.ts'
import { findSetting, SETTINGS, settingFlags } from '../../src/config/settings.ts'

describe('the table of settings', () => {
  it('names everything once: paths, variables, and the flags of each verb', () => {
    const paths = SETTINGS.map(({ path }) => path)
    assert.equal(new Set(paths).size, paths.length)
    const variables = SETTINGS.map(environmentVariableOf).filter((name) => name !== undefined)
    assert.deepEqual(
      variables.filter((name, at) => variables.indexOf(name) !== at),
      [],
    )
    for (const verb of ['backup', 'restore', 'read'] as const) {
      const flags = SETTINGS.filter((setting) => isUsedBy(setting, verb)).map(flagOf)
      const given = flags.filter((flag) => flag !== undefined)
      assert.deepEqual(
        given.filter((flag, at) => given.indexOf(flag) !== at),
        [],
        verb,
      )
      assert.equal(settingFlags(verb).size, given.length)
    }
  })

  it('gives every value a flag, except mode, which is the verb, and secrets', () => {
    const without = SETTINGS.filter((setting) => flagOf(setting) === undefined)
    const other = without.filter(({ type }) => type.kind !== 'secret' && type.kind !== 'structure')
    assert.deepEqual(
      other.map(({ path }) => path),
      ['mode'],
    )
    for (const setting of SETTINGS) assert.match(flagOf(setting) ?? '--none', /^--[a-z][a-z0-9-]*$/)
  })

  it('derives flags and variables from the path', () => {
    const names = [
      'backup.segment_max_bytes',
      'source.topics.include',
      'metrics.port',
      'repo',
      'backup_id',
    ].map((path) => {
      const setting = findSetting(path)
      assert.ok(setting)
      return [flagOf(setting), environmentVariableOf(setting)]
    })
    assert.deepEqual(names, [
      ['--segment-max-bytes', 'KAFKA_BACKUP_BACKUP_SEGMENT_MAX_BYTES'],
      ['--topics', 'KAFKA_BACKUP_SOURCE_TOPICS_INCLUDE'],
      ['--metrics-port', 'KAFKA_BACKUP_METRICS_PORT'],
      ['--repo', 'KAFKA_BACKUP_REPO'],
      ['--backup-id', 'KAFKA_BACKUP_BACKUP_ID'],
    ])
  })

  it('has a default that its own range and choices allow, and a reason for what has no effect', () => {
    for (const { path, type, default: value, status, description } of SETTINGS) {
      assert.ok(description !== '' && !description.includes('\n'), path)
      if (status.kind !== 'effective') assert.ok(status.because.length > 5, path)
      if (value === undefined) continue
      if (type.kind === 'integer') assert.ok(Number(value) >= type.min && Number(value) <= type.max, path)
      if (type.kind === 'choice') assert.ok(type.choices.includes(String(value)), path)
    }
  })

  it('has aliases that mean settings and are none', () => {
    for (const { path, meaning, meaningInRestore } of SETTING_ALIASES) {
      assert.equal(findSetting(path), undefined)
      assert.ok(findSetting(meaning), path)
      assert.ok(meaningInRestore === undefined || findSetting(meaningInRestore), path)
    }
  })
})

describe('docs/configuration.md', () => {
  it('is what the table says; if not, run node packages/core/test/config/write-reference.ts', async () => {
    const text = await readFile(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8')
    assert.equal(text, renderConfigurationReference())
  })

  it('has every setting', () => {
    const reference = renderConfigurationReference()
    for (const { path } of [...SETTINGS, ...SETTING_ALIASES])
      assert.ok(reference.includes(`| \`${path}\` |`), path)
  })
})
