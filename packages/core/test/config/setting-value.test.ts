import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { COUNT, refused, SECRET } from '../../src/config/setting.ts'
import { readValue } from '../../src/config/setting-value.ts'
import { Secret } from '../../src/runtime/secret.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

const NO_SCHEME =
  'must be a folder; a URL such as s3://bucket/prefix belongs into repo (--repo), and a folder whose name has a colon is written ./NAME'

describe('values that are refused', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['backup.compression_level', '40', 'must be 1 to 22, not 40'],
    ['backup.compression_level', '0', 'must be 1 to 22, not 0'],
    ['backup.compression_level', '-1', 'must be 1 to 22, not -1'],
    ['backup.compression_level', 'fast', 'must be a whole number from 1 to 22, not fast'],
    ['backup.compression_level', '3.5', 'must be a whole number from 1 to 22, not 3.5'],
    ['backup.compression_level', '0x10', 'must be a whole number from 1 to 22, not 0x10'],
    ['backup.compression_level', '[3]', 'must be one value, not a list'],
    ['backup.compression_level', '{ a: 3 }', 'must be one value, not a section'],
    ['backup.segment_max_bytes', '1048575', 'must be 1048576 to 17179869184 bytes, not 1048575'],
    [
      'backup.segment_max_bytes',
      '128MB',
      'must be a whole number from 1048576 to 17179869184 bytes, not 128MB',
    ],
    [
      'backup.segment_max_bytes',
      '99999999999999999999999',
      'must be a whole number from 1048576 to 17179869184 bytes, not 99999999999999999999999',
    ],
    ['backup.fetch_max_bytes', '1', 'must be 65536 to 268435456 bytes, not 1'],
    ['backup.fetch_timeout_ms', '60001', 'must be 0 to 60000 milliseconds, not 60001'],
    ['backup.checkpoint_interval_secs', '0', 'must be 1 to 3600 seconds, not 0'],
    ['backup.compression', 'ZSTD', 'must be zstd, lz4 or none, not ZSTD'],
    ['backup.include_internal_topics', 'yes', 'must be true or false, not yes'],
    [
      'source.topics.include',
      '[orders, "pay/.*"]',
      'must be topic names, globs with * and ?, or regular expressions after ~, not pay/.*',
    ],
    ['source.topics.include', '{ a: { b: c } }', 'must be a list'],
    ['source.bootstrap_servers', 'broker-1', 'must be host:port, such as broker-1:9092, not broker-1'],
    [
      'source.bootstrap_servers',
      '["a:1", "b:99999"]',
      'must be host:port, such as broker-1:9092, not b:99999',
    ],
    [
      'source.topics.include',
      '[orders, "~pay(.*"]',
      'must be a valid regular expression (at character 5: "missing closing )"), not ~pay(.*',
    ],
    ['source.rack_id', 'r'.repeat(256), `must have at most 255 characters, not ${'r'.repeat(60)}…`],
    ['backup.isolation_level', 'none', 'must be read_committed or read_uncommitted, not none'],
    ['backup.transaction_wait_secs', '86401', 'must be 0 to 86400 seconds, not 86401'],
    ['backup.deletion_warning_secs', '604801', 'must be 0 to 604800 seconds, not 604801'],
    ['backup.partitions', '[0, 3-1]', 'must be partitions, such as 0, 0-3 or orders:0-3, not 3-1'],
    ['restore.as_of_commit', '0', 'must be 1 to 1000000000000, not 0'],
    ['source.connection.connections_per_broker', '17', 'must be 1 to 16, not 17'],
    [
      'restore.default_replication_factor',
      '0',
      'must be -1 (the default of the cluster) or 1 to 32767, not 0',
    ],
    ['restore.topic_mapping', 'orders', 'must be names and their new names, such as old=new'],
    ['restore.topic_mapping', 'a=b,a=c', 'must name a once'],
    ['restore.topic_mapping', '{ a: b/c }', 'must be topic names, not a=b/c'],
    ['restore.topic_mapping', '{ a: }', 'must be topic names, not a='],
    [
      'restore.topic_mapping',
      'a*b*=c',
      'must have one * on the left and at most one on the right, as in orders-*=copy-*, not a*b*=c',
    ],
    [
      'restore.topic_mapping',
      '~a(b=c',
      'must be a valid regular expression (at character 3: "missing closing )"), not ~a(b=c',
    ],
    [
      'restore.topic_mapping',
      '~a(b)=c$2',
      'must replace by groups that there are; $2 is none, not ~a(b)=c$2',
    ],
    ['restore.partition_mapping', '0=x', 'must be numbers of partitions, not 0=x'],
    ['restore.partition_mapping', '0=2147483647', 'must be numbers below 1000000, not 0=2147483647'],
    ['restore.source_partitions', '0-3', 'must be numbers of partitions, not 0-3'],
    [
      'restore.offset_ranges',
      'orders:1-2',
      'must be offsets, such as orders/3:100-200, orders/3:100- or orders/3:-200, not orders:1-2',
    ],
    [
      'restore.time_window_start',
      '2025-06-01T12:00:00',
      'must say its zone, such as 2025-06-01T12:00:00Z or 2025-06-01T14:00:00+02:00, not 2025-06-01T12:00:00',
    ],
    ['restore.repartitioning', 'a=0', 'must give each topic 1 to 10000 partitions, such as orders-copy=12'],
    [
      'restore.repartitioning',
      '{ a: { strategy: random, target_partitions: 3 } }',
      'must have strategy (murmur2 or automatic) and target_partitions for a',
    ],
    ['restore.topic_config_overrides', '[a]', 'must be a section, or names and values such as name=value'],
    [
      'backup_id',
      'a/b',
      "must be 1 to 128 letters, digits, '.', '_' or '-', not beginning with '.', not a/b",
    ],
    ['storage.path', '~/backups', 'must be a folder written out (only a shell knows ~), not ~/backups'],
    ...['s3://bucket/prefix', 'gs:bucket', 's3:x', 'azure:x', 'C:\\b', 'fiel:backups'].map(
      (place) => ['storage.path', place, `${NO_SCHEME}, not ${place}`] as const,
    ),
    [
      'storage.prefix',
      '../up',
      'must be a folder inside the place of the repository, without . and .., not ../up',
    ],
  ]
  for (const [path, value, message] of cases) {
    it(`${path}: ${value}`, async () => {
      const names = path.split('.')
      const text = `\n${names.map((name, depth) => `${'  '.repeat(depth)}${name}:`).join('\n')} ${value}`
      const verb = path.startsWith('restore') ? 'restore' : 'backup'
      const flags = { ...ENOUGH[verb], repo: undefined, [path]: undefined }
      const error = await failure({ verb, flags, text }, 'KB_CONFIG_INVALID')
      const [first] = error.message.split('\n')
      assert.equal(first, `backup.yaml:${names.length + 1}: ${path} ${message}`)
      assert.deepEqual(error.context, { file: 'backup.yaml', line: names.length + 1, key: path })
    })
  }

  it('speaks of the flag or the variable that was used', async () => {
    const byFlag = await failure(
      { flags: { ...ENOUGH.backup, 'backup.compression_level': '40' } },
      'KB_CONFIG_INVALID',
    )
    assert.equal(byFlag.message, '--compression-level must be 1 to 22, not 40')
    assert.equal(byFlag.context.file, undefined)
    const env = { KAFKA_BACKUP_BACKUP_COMPRESSION_LEVEL: '40' }
    const byVariable = await failure({ flags: ENOUGH.backup, env }, 'KB_CONFIG_INVALID')
    assert.equal(byVariable.message, 'KAFKA_BACKUP_BACKUP_COMPRESSION_LEVEL must be 1 to 22, not 40')
  })

  it('names the line of the bad item of a list', async () => {
    const text = 'source:\n  topics:\n    include:\n      - orders\n      - "a b"'
    const error = await failure(
      { flags: { ...ENOUGH.backup, 'source.topics.include': undefined }, text },
      'KB_CONFIG_INVALID',
    )
    assert.equal(error.context.line, 5)
  })

  it('sends no control characters to the terminal', async () => {
    const text = 'backup:\n  compression: "\\e[31m\\nred"'
    const error = await failure({ flags: ENOUGH.backup, text }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /not �\[31m�red$/)
  })

  it('are all reported, in the order of the file, at most ten after the first', async () => {
    const bad = ['compression_level: 40', 'compression: x', 'fetch_max_bytes: 1', 'compresion: 2']
    const text = `backup:\n${bad.map((line) => `  ${line}`).join('\n')}`
    const error = await failure({ flags: ENOUGH.backup, text }, 'KB_CONFIG_INVALID')
    const lines = error.message.split('\n').map((line) => line.split(' ', 1)[0])
    assert.deepEqual(lines, ['backup.yaml:2:', 'backup.yaml:3:', 'backup.yaml:4:', 'backup.yaml:5:'])
    const many = Array.from({ length: 15 }, (_, at) => `  unknown_${at}: 1`).join('\n')
    const long = await failure({ flags: ENOUGH.backup, text: `backup:\n${many}` }, 'KB_CONFIG_UNKNOWN_KEY')
    assert.equal(long.message.split('\n').length, 12)
    assert.match(long.message, /\nand 4 more$/)
  })
})

describe('values that are accepted', () => {
  it('keeps texts as they are written, whatever YAML takes them for', async () => {
    for (const id of ['20251127', '1e5', '0x10', 'true', '1.10', '"007"']) {
      const flags = { ...ENOUGH.backup, backup_id: undefined }
      const { config } = await load({ flags, text: `backup_id: ${id}` })
      assert.equal(config.backupId, id.replaceAll('"', ''))
    }
  })

  it('takes a number or a truth value in quotes', async () => {
    const text = 'backup:\n  compression_level: "9"\n  include_internal_topics: "True"'
    const { config } = await load({ flags: ENOUGH.backup, text })
    assert.equal(config.backup.compressionLevel, 9)
    assert.equal(config.source?.topics.includeInternal, true)
  })

  it('takes a list as one text, or with commas in its items', async () => {
    for (const written of ['a:1,b:2', '[a:1, b:2]', '["a:1,b:2"]', '"a:1 , b:2,"']) {
      const flags = { ...ENOUGH.backup, 'source.bootstrap_servers': undefined }
      const { config } = await load({ flags, text: `source:\n  bootstrap_servers: ${written}` })
      assert.deepEqual(config.source?.bootstrapServers, ['a:1', 'b:2'], written)
    }
  })

  it('takes a mapping as a section or as one text', async () => {
    for (const written of ['{ a: b, c: d }', 'a=b, c=d']) {
      const { config } = await load({
        verb: 'restore',
        flags: ENOUGH.restore,
        text: `restore:\n  topic_mapping: ${written}`,
      })
      assert.deepEqual(
        [...config.restore.topicMapping],
        [
          ['a', 'b'],
          ['c', 'd'],
        ],
      )
    }
  })

  it('takes nothing after the colon for not set', async () => {
    const { config, origins } = await load({
      flags: ENOUGH.backup,
      text: 'backup:\n  compression_level:\n  compression: ~',
    })
    assert.deepEqual([config.backup.compressionLevel, config.backup.compression], [3, 'zstd'])
    assert.equal(origins.get('backup.compression'), 'default')
  })

  it('takes addresses of every kind', async () => {
    const servers = ['broker-1:9092', '10.0.0.1:1', '[::1]:65535', 'a_b.c:9']
    const flags = { ...ENOUGH.backup, 'source.bootstrap_servers': servers }
    assert.deepEqual((await load({ flags })).config.source?.bootstrapServers, servers)
  })
})

describe('secrets', () => {
  it('are held so that nothing prints them', () => {
    const setting = refused(['x.password', SECRET, ''], '')
    const read = readValue(setting, { kind: 'text', value: { text: 'hunter2', shown: 'hunter2' } })
    assert.ok(read.complaint === undefined && read.value instanceof Secret)
    assert.equal(read.value.reveal(), 'hunter2')
    assert.doesNotMatch(inspect(read) + JSON.stringify(read), /hunter2/)
  })

  it('do not appear in messages, nor do the values of variables', async () => {
    const text =
      `source:\n  security:\n    sasl_password: hunter2\nbackup:\n  compression_level: \${LEVEL}\n` +
      `  compression: "\${LEVEL}"\n  include_internal_topics: \${LEVEL}\nstorage:\n  secret_key: "\${LEVEL}"`
    const error = await failure(
      { flags: { ...ENOUGH.backup, repo: undefined }, text, env: { LEVEL: 'hunter2' } },
      'KB_CONFIG_INVALID',
    )
    assert.doesNotMatch(inspect(error), /hunter2/)
    assert.match(error.message, /compression_level must be a whole number from 1 to 22, not \$\{LEVEL\}/)
  })

  it('are not shown when a list is given for one', async () => {
    const text = 'source:\n  security:\n    sasl_password: [hunter2]'
    const error = await failure({ flags: ENOUGH.backup, text }, 'KB_CONFIG_INVALID')
    assert.doesNotMatch(inspect(error), /hunter2/)
  })
})

it('a range without an end says so', () => {
  const setting = refused(['x.count', COUNT, ''], '')
  const read = readValue(setting, { kind: 'text', value: { text: '-1', shown: '-1' } })
  assert.equal(read.complaint, 'must be 0 or more, not -1')
})
