import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requireBackupId, requireCluster, requireRepositoryUrl } from '../../src/config/required-settings.ts'
import type { Verb } from '../../src/config/setting.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

const LEVEL = 'backup.compression_level'
const LEVEL_VARIABLE = 'KAFKA_BACKUP_BACKUP_COMPRESSION_LEVEL'

describe('precedence', () => {
  const sources = [
    { from: 'default', flag: undefined, variable: undefined, text: '', level: 3 },
    {
      from: 'backup.yaml:2',
      flag: undefined,
      variable: undefined,
      text: 'backup:\n  compression_level: 4',
      level: 4,
    },
    { from: 'environment', flag: undefined, variable: '5', text: '', level: 5 },
    {
      from: 'environment',
      flag: undefined,
      variable: '5',
      text: 'backup:\n  compression_level: 4',
      level: 5,
    },
    { from: 'flag', flag: '6', variable: undefined, text: 'backup:\n  compression_level: 4', level: 6 },
    { from: 'flag', flag: '6', variable: '5', text: 'backup:\n  compression_level: 4', level: 6 },
  ]
  for (const { from, flag, variable, text, level } of sources) {
    it(`takes ${level} from ${from} (flag ${flag}, variable ${variable}, file ${text !== ''})`, async () => {
      const flags = { ...ENOUGH.backup, [LEVEL]: flag }
      const { config, origins } = await load({ text, flags, env: { [LEVEL_VARIABLE]: variable } })
      assert.equal(config.backup.compressionLevel, level)
      assert.equal(origins.get(LEVEL), from)
    })
  }

  it('decides for each setting by itself', async () => {
    const text = 'backup:\n  compression_level: 4\n  fetch_timeout_ms: 7'
    const { config } = await load({ text, flags: { ...ENOUGH.backup, [LEVEL]: '6' } })
    assert.deepEqual([config.backup.compressionLevel, config.backup.fetchMaxWaitMs], [6, 7])
  })

  it('ignores what a stronger source replaces, even if it is wrong', async () => {
    const text = `backup:\n  compression_level: 40\nbackup_id: \${NOBODY_SET_THIS}`
    const { config } = await load({ text, flags: { ...ENOUGH.backup, [LEVEL]: '6' } })
    assert.equal(config.backup.compressionLevel, 6)
    assert.equal(config.backupId, 'daily')
  })

  it('takes an empty variable for one that is not set', async () => {
    const { config } = await load({ flags: ENOUGH.backup, env: { [LEVEL_VARIABLE]: '' } })
    assert.equal(config.backup.compressionLevel, 3)
  })

  it('takes everything from the environment', async () => {
    const env = {
      KAFKA_BACKUP_BACKUP_ID: 'nightly',
      KAFKA_BACKUP_REPO: 'file:///r',
      KAFKA_BACKUP_SOURCE_BOOTSTRAP_SERVERS: 'a:1, b:2',
      KAFKA_BACKUP_SOURCE_TOPICS_INCLUDE: 'orders,payments-*',
    }
    const { config } = await load({ env })
    assert.equal(config.backupId, 'nightly')
    assert.equal(config.repositoryUrl, 'file:///r')
    assert.deepEqual(config.source?.bootstrapServers, ['a:1', 'b:2'])
    assert.deepEqual(config.source?.topics.include, ['orders', 'payments-*'])
  })

  it('joins a list flag that is given twice, and refuses a second value of another', async () => {
    const { config } = await load({ flags: { ...ENOUGH.backup, 'source.topics.include': ['a', 'b,c'] } })
    assert.deepEqual(config.source?.topics.include, ['a', 'b', 'c'])
    const error = await failure({ flags: { ...ENOUGH.backup, [LEVEL]: ['1', '2'] } }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /^--compression-level must be one value, not a list$/)
  })

  it('refuses a run that goes on and ends', async () => {
    const text = 'backup: { continuous: true, stop_at_current_offsets: true }'
    const error = await failure({ text, flags: ENOUGH.backup }, 'KB_CONFIG_INVALID')
    assert.match(
      error.message,
      /backup\.stop_at_current_offsets cannot be true together with backup\.continuous/,
    )
    const { config } = await load({
      text: text.replace('offsets: true', 'offsets: false'),
      flags: ENOUGH.backup,
    })
    assert.equal(config.backup.isContinuous, true)
  })

  it('treats a flag that is not in the table as a defect of the program', async () => {
    await assert.rejects(load({ flags: { 'backup.nothing': '1' } }), (error) =>
      isKafkaBackupError(error, 'KB_INTERNAL'),
    )
  })
})

describe('required settings', () => {
  const cases: readonly [Verb, string, string, RegExp][] = [
    [
      'backup',
      'source.topics.include',
      'topics',
      /^say which topics to back up: --topics orders,payments-\* or source\.topics\.include$/,
    ],
    ['backup', 'source.bootstrap_servers', 'servers', /--bootstrap-servers .* or source\.bootstrap_servers/],
    ['backup', 'backup_id', 'id', /--backup-id .* or backup_id/],
    ['backup', 'repo', 'repository', /--repo .* or storage in the file/],
    ['restore', 'target.bootstrap_servers', 'servers', /--bootstrap-servers .* or target\.bootstrap_servers/],
    ['restore', 'backup_id', 'id', /--backup-id .* or backup_id/],
    ['restore', 'repo', 'repository', /--repo .* or storage in the file/],
    ['read', 'repo', 'repository', /--repo .* or storage in the file/],
  ]
  for (const [verb, path, what, message] of cases) {
    it(`${verb} says both ways to give the ${what}`, async () => {
      const error = await failure(
        { verb, flags: { ...ENOUGH[verb], [path]: undefined } },
        'KB_CONFIG_INVALID',
      )
      assert.match(error.message, message)
      assert.equal(error.context.key, path)
    })
  }

  it('lists all that is missing at once', async () => {
    const error = await failure({}, 'KB_CONFIG_INVALID')
    assert.equal(error.message.split('\n').length, 4)
  })

  it('does not call missing what is wrong', async () => {
    const error = await failure({ flags: { ...ENOUGH.backup, backup_id: '../x' } }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /^--backup-id must be 1 to 128 letters[^\n]*, not \.\.\/x$/)
  })

  it('counts an empty list as missing', async () => {
    const error = await failure(
      { flags: { ...ENOUGH.backup, 'source.topics.include': ' , ' } },
      'KB_CONFIG_INVALID',
    )
    assert.match(error.message, /^say which topics/)
  })

  it('selects the whole backup for a restore that names no topics', async () => {
    const { config } = await load({ verb: 'restore', flags: ENOUGH.restore })
    assert.deepEqual(config.target?.topics, { include: ['*'], exclude: [], includeInternal: false })
    assert.equal(config.source, undefined)
  })

  it('gives verbs what they cannot do without, or the same message', async () => {
    const { config } = await load({ flags: ENOUGH.backup })
    assert.equal(requireBackupId(config), 'daily')
    assert.equal(requireRepositoryUrl(config), 'file:///var/backups')
    assert.deepEqual(requireCluster(config, 'source').bootstrapServers, ['broker-1:9092'])
    assert.throws(() => requireCluster(config, 'target'), /--bootstrap-servers/)
  })
})

describe('mode and verbs', () => {
  it('refuses a file for the other direction, and reads with either', async () => {
    const error = await failure(
      { text: 'backup_id: a\nmode: restore', flags: ENOUGH.backup },
      'KB_CONFIG_INVALID',
    )
    assert.equal(error.message, 'backup.yaml:2: mode is restore, so this configuration is not for backup')
    await load({ text: 'mode: backup', flags: ENOUGH.backup })
    await load({ text: 'mode: backup', verb: 'read', flags: ENOUGH.read })
  })

  it('leaves the sections of other verbs alone: secrets unset, features refused', async () => {
    const text = `
source:
  bootstrap_servers: [a:1]
  security: { security_protocol: SASL_SSL, sasl_password: "\${NOBODY_SET_THIS}" }
backup: { retention: { max_age: 7d }, max_concurrent_partitions: 4 }
`
    for (const verb of ['restore', 'read'] as const) {
      const { warnings } = await load({ text, verb, flags: ENOUGH[verb] })
      assert.deepEqual(warnings, [])
    }
    await failure({ text, flags: ENOUGH.backup }, 'KB_CONFIG_UNSET_VARIABLE')
  })

  it('gives an object that cannot be changed', async () => {
    const { config } = await load({ flags: ENOUGH.backup })
    const frozen = [
      config,
      config.backup,
      config.restore,
      config.source,
      config.source?.topics,
      config.source?.topics.include,
    ]
    for (const part of frozen) assert.ok(Object.isFrozen(part))
  })
})
