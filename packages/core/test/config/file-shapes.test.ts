import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isPartitionChosen } from '../../src/config/partition-selection.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

// Product requirements, core, section 5.1, word for word.
const PRD_EXAMPLE = `# backup-config.yaml
mode: backup
backup_id: "backup-2025-11-27-prod"

source:
  bootstrap_servers:
    - broker-1:9092
    - broker-2:9092
  security:
    sasl_mechanism: plain
    sasl_username: "backup-user"
    sasl_password: "\${KAFKA_PASSWORD}"
    security_protocol: "SASL_SSL"
  topics:
    include:
      - orders
      - payments
      - user-events
    exclude:
      - __consumer_offsets  # Handle separately

storage:
  backend: "s3"  # s3 | ceph | filesystem
  endpoint: "https://s3.example.com"
  bucket: "kafka-backups"
  access_key: "\${S3_ACCESS_KEY}"
  secret_key: "\${S3_SECRET_KEY}"
  prefix: "cluster-prod-us-east"

backup:
  # Performance tuning
  segment_max_bytes: 134217728      # 128MB
  segment_max_interval_ms: 5000     # 5 seconds
  fetch_max_bytes: 52428800         # 50MB per fetch
  fetch_timeout_ms: 500
  
  compression: "zstd"               # zstd | lz4 | none
  compression_level: 3              # 1-22 for zstd
  
  # Resilience
  checkpoint_interval_secs: 5
  checkpoint_on_shutdown: true

offset_storage:
  backend: "sqlite"                 # sqlite | s3
  db_path: "./offsets.db"           # Local SQLite file
  s3_key: "backups/offset-state/offsets.db"  # Where to sync
  sync_interval_secs: 30
`

const SECRETS = { KAFKA_PASSWORD: 'p', S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 's' }
const WITHOUT_SECURITY = PRD_EXAMPLE.replace(/ {2}security:\n(?: {4}.*\n)+/, '')
const FILESYSTEM = 'storage:\n  backend: filesystem\n  path: /var/backups\n  prefix: "cluster-prod-us-east"\n'
const ON_FILESYSTEM = WITHOUT_SECURITY.replace(/storage:\n(?: {2}.*\n)+/, FILESYSTEM)

describe('the example of the product requirements', () => {
  it('loads word for word, with its secrets apart from its location', async () => {
    const { config } = await load({ text: PRD_EXAMPLE, env: SECRETS })
    assert.equal(
      config.repositoryUrl,
      's3://kafka-backups/cluster-prod-us-east?endpoint=https://s3.example.com',
    )
    const secrets = [...config.storageCredentials].map(([name, secret]) => [name, secret.reveal()])
    assert.deepEqual(secrets, [
      ['access_key', 'a'],
      ['secret_key', 's'],
    ])
  })

  it('asks for its variables', async () => {
    const error = await failure({ text: PRD_EXAMPLE }, 'KB_CONFIG_UNSET_VARIABLE')
    assert.match(
      error.message,
      /^backup\.yaml:12: source\.security\.sasl_password needs the environment variable KAFKA_PASSWORD/,
    )
  })

  it('loads with a filesystem and without security, with a warning for the place of the copy only', async () => {
    const { config, warnings, origins } = await load({
      text: ON_FILESYSTEM,
      env: { XDG_STATE_HOME: '/var/state' },
    })
    const { path = '', ...offsetStorage } = config.offsetStorage
    assert.match(path, /^\/.*\/offsets\.db$/)
    assert.deepEqual(offsetStorage, {
      backend: 'sqlite',
      stateFolder: '/var/state/kafka-backup',
      syncIntervalMs: 30_000,
    })
    assert.deepEqual(config, {
      offsetStorage: config.offsetStorage,
      backupId: 'backup-2025-11-27-prod',
      repositoryUrl: 'file:///var/backups/cluster-prod-us-east',
      storageCredentials: new Map(),
      storageRateLimit: undefined,
      source: {
        bootstrapServers: ['broker-1:9092', 'broker-2:9092'],
        topics: {
          include: ['orders', 'payments', 'user-events'],
          exclude: ['__consumer_offsets'],
          includeInternal: false,
        },
        connectionsPerBroker: 2,
        rackId: '',
      },
      target: undefined,
      metricsFile: undefined,
      backup: {
        segmentMaxBytes: 134_217_728,
        segmentMaxIntervalMs: 5_000,
        fetchMaxBytes: 52_428_800,
        fetchMaxWaitMs: 500,
        checkpointIntervalMs: 5_000,
        isCheckpointingOnStop: true,
        shutdownTimeoutMs: 30_000,
        isContinuous: false,
        topicRefreshIntervalMs: 30_000,
        compression: 'zstd',
        compressionLevel: 3,
        partitions: { ofOtherTopics: [], ofTopic: new Map() },
        isolationLevel: 'read_committed',
        transactionWaitMs: 90_000,
        deletionWarningMs: 300_000,
        hasLease: true,
        topicSettings: 'captured',
        isDescribingCluster: true,
        hasConsumerGroups: true,
        consumerGroupIntervalMs: 900_000,
      },
      restore: {
        topicMapping: new Map(),
        createTopics: true,
        defaultReplicationFactor: -1,
        dryRun: false,
        produceTimeoutMs: 30_000,
        asOfCommit: undefined,
        from: undefined,
        to: undefined,
        offsetRanges: [],
        partitions: [],
        partitionMapping: new Map(),
        allowManyToOne: false,
        repartitioning: new Map(),
        includeOriginalOffsetHeader: false,
        stripOffsetHeaders: false,
        sourceClusterId: undefined,
        topicConfigOverrides: new Map(),
        restoreTopicConfigs: true,
        existingTopicConfigPolicy: 'keep',
        pace: {
          isResuming: false,
          concurrentPartitions: 4,
          concurrentPartitionsPerTopic: undefined,
          recordsPerSec: undefined,
          bytesPerSec: undefined,
          transactionMaxBytes: 134_217_728,
          progressIntervalMs: 5_000,
        },
        manner: {
          existingTopics: 'fail',
          isHoldingRetention: false,
          mode: 'auto',
          isKeepingOffsets: false,
          gapMax: 1_000_000,
          fillerMax: 10_000_000_000,
          isVerifying: false,
        },
      },
    })
    const named = warnings.map((warning) => /: (\S+) has no effect/.exec(warning)?.[1])
    assert.deepEqual(named, ['offset_storage.s3_key'])
    assert.equal(origins.get('backup_id'), 'backup.yaml:3')
    assert.equal(origins.get('backup.recompress'), 'default')
  })
})

describe('the shape with kafka', () => {
  const text = `
kafka:
  brokers:
    - localhost:9092
backup:
  topics: ".*"
  compression: lz4
  parallel_workers: 4
storage:
  type: filesystem
  path: /var/backups
logging:
  level: info
  format: json
`
  it('means the same as the first one', async () => {
    const { config, warnings, origins } = await load({ text, flags: { backup_id: 'daily' } })
    assert.deepEqual(config.source?.bootstrapServers, ['localhost:9092'])
    assert.deepEqual(config.source?.topics.include, ['*'])
    assert.equal(config.backup.compression, 'lz4')
    assert.equal(config.repositoryUrl, 'file:///var/backups')
    assert.equal(origins.get('source.bootstrap_servers'), 'backup.yaml:3')
    assert.deepEqual(
      warnings.map((warning) => /: (\S+) has no effect/.exec(warning)?.[1]),
      ['backup.parallel_workers', 'logging.level', 'logging.format'],
    )
  })

  it('is the target of a restore', async () => {
    const { config } = await load({ verb: 'restore', text, flags: { backup_id: 'daily' } })
    assert.deepEqual(config.target?.bootstrapServers, ['localhost:9092'])
  })

  it('speaks of its own keys when they are wrong', async () => {
    const bad = 'kafka: { brokers: [nowhere] }\nbackup: { topics: [orders, "a b"] }'
    const flags = { backup_id: 'daily', repo: 'file:///r' }
    const error = await failure({ text: bad, flags }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /^backup\.yaml:1: kafka\.brokers must be host:port/)
    assert.match(error.message, /\nbackup\.yaml:2: backup\.topics must be topic names, globs with/)
  })

  it('refuses a regular expression that would mean something else as a glob', async () => {
    const flags = { ...ENOUGH.backup, 'source.topics.include': undefined }
    const error = await failure({ text: 'backup: { topics: "orders.*" }', flags }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /^backup\.yaml:1: backup\.topics .* not orders\.\*$/)
    const globs = await load({ text: 'backup: { topics: [orders-*, payments] }', flags })
    assert.deepEqual(globs.config.source?.topics.include, ['orders-*', 'payments'])
  })

  it('cannot say again what the first shape says', async () => {
    const both = 'kafka: { brokers: "a:1" }\nsource: { bootstrap_servers: "b:1" }'
    const error = await failure({ text: both, flags: ENOUGH.backup }, 'KB_CONFIG_INVALID')
    assert.equal(
      error.message,
      'backup.yaml:2: source.bootstrap_servers says the same as kafka.brokers in line 1; keep one',
    )
  })

  it('has a choice of partitions and refuses its time window', async () => {
    const more = `${text}  # more\n`.replace(
      '  parallel_workers: 4',
      '  partitions: [0, 1]\n  time_window: { start: 2025-01-01T00:00:00Z, end: 2025-12-31T23:59:59Z }',
    )
    const error = await failure({ text: more, flags: { backup_id: 'daily' } }, 'KB_CONFIG_UNSUPPORTED')
    assert.equal(error.message.split('\n').length, 2)
    const { config } = await load({
      text: more.replace(/.*time_window.*\n/, ''),
      flags: { backup_id: 'daily' },
    })
    const isChosen = [0, 1, 2].map((partition) => isPartitionChosen(config.backup.partitions, 'a', partition))
    assert.deepEqual(isChosen, [true, true, false])
  })
})
