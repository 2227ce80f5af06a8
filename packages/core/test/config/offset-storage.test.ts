import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { describe, it } from 'node:test'
import { offsetStatePath } from '../../src/config/offset-storage.ts'
import { ENOUGH, failure, load } from './sandbox.ts'

describe('the file of the offset state', () => {
  const pathOf = async (
    env: Record<string, string>,
    backupId = 'daily',
    location = 'file:///var/backups',
  ) => {
    const { config } = await load({ flags: ENOUGH.backup, env })
    return offsetStatePath(config.offsetStorage, backupId, location)
  }

  it('is one for each backup and repository, where the system keeps state', async () => {
    const XDG_STATE_HOME = '/var/state'
    const path = await pathOf({ XDG_STATE_HOME })
    assert.match(path, /^\/var\/state\/kafka-backup\/daily-[0-9a-f]{12}\.db$/)
    assert.notEqual(await pathOf({ XDG_STATE_HOME }, 'hourly'), path)
    assert.notEqual(await pathOf({ XDG_STATE_HOME }, 'daily', 's3://bucket'), path)
    assert.ok((await pathOf({ HOME: '/users/kb' })).startsWith('/users/kb/.local/state/kafka-backup/'))
    // A relative path counts for nothing, by the specification of these folders.
    assert.ok((await pathOf({ XDG_STATE_HOME: 'state', HOME: '/users/kb' })).startsWith('/users/kb/.local/'))
    assert.ok((await pathOf({})).startsWith(homedir()))
  })

  it('is where it was said, relative to the file that says so', async () => {
    const text = 'offset_storage: { db_path: state/offsets.db, backend: s3 }'
    const { config } = await load({ flags: ENOUGH.backup, text })
    const path = offsetStatePath(config.offsetStorage, 'daily', 'file:///x')
    assert.match(path, /^\/.*kb-config-.*\/state\/offsets\.db$/)
    assert.equal(offsetStatePath(config.offsetStorage, 'hourly', 's3://x'), path)
    assert.equal(config.offsetStorage.backend, 'sqlite')
  })

  it('cannot be a folder, a URL or what only a shell knows', async () => {
    for (const path of ['state/', 's3://bucket/offsets.db', '~/offsets.db']) {
      const flags = { ...ENOUGH.backup, 'offset_storage.db_path': path }
      const { message } = await failure({ flags }, 'KB_CONFIG_INVALID')
      assert.match(message, /must be a file/)
    }
  })
})

describe('what status needs', () => {
  const cluster = (security: string) =>
    `backup_id: daily\nrepo: file:///x\nsource:\n  bootstrap_servers: ["b:9092"]\n  security: ${security}\n`

  it('is a repository; the source cluster counts when it is given whole', async () => {
    const { config } = await load({ verb: 'status', text: cluster('{ security_protocol: PLAINTEXT }') })
    assert.deepEqual(config.source?.bootstrapServers, ['b:9092'])
    await failure({ verb: 'status' }, 'KB_CONFIG_INVALID')
  })

  it('is not the password of a cluster: without it the lag is left out, with a warning', async () => {
    const text = cluster(
      '{ security_protocol: SASL_SSL, sasl_mechanism: PLAIN, sasl_username: a, sasl_password: "$' +
        '{KAFKA_PASSWORD}" }',
    )
    const { config, warnings } = await load({ verb: 'status', text })
    assert.equal(config.source, undefined)
    assert.match(warnings.join('\n'), /^the source cluster is not asked for the lag/)
    await failure({ verb: 'backup', text: `${text}  topics: { include: [a] }\n` }, 'KB_CONFIG_UNSET_VARIABLE')
    const given = await load({ verb: 'status', text, env: { KAFKA_PASSWORD: 'p' } })
    assert.deepEqual([given.config.source?.bootstrapServers, given.warnings], [['b:9092'], []])
  })
})
