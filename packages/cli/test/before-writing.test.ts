import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, KafkaBackupError } from '@kafka-backup/core'
import { beforeWriting, saying } from '../src/before-writing.ts'
import { withPastableHint } from '../src/pastable-hint.ts'

const messageOf = (message: string) =>
  (saying(new KafkaBackupError('KB_USAGE', message), 'Nothing was started') as Error).message

test('a failure says once that nothing was done', () => {
  assert.equal(messageOf('x is missing'), 'x is missing. Nothing was started')
  assert.equal(messageOf('Did you mean y?'), 'Did you mean y? Nothing was started')
  assert.equal(messageOf('first\nsecond'), 'first\nsecond\nNothing was started')
  assert.equal(messageOf('no; nothing was written: a'), 'no; nothing was written: a')
})

test('code, hint and context stay; what is not ours is passed on', async () => {
  const error = new KafkaBackupError('KB_TOPIC_NOT_FOUND', 'm', { hint: 'h', context: { topic: 't' } })
  await assert.rejects(
    beforeWriting(() => Promise.reject(error)),
    { code: 'KB_TOPIC_NOT_FOUND', message: 'm. Nothing was written', hint: 'h', context: { topic: 't' } },
  )
  const defect = new TypeError('x')
  await assert.rejects(
    beforeWriting(() => Promise.reject(defect)),
    (thrown) => thrown === defect,
  )
})

test('the hint to validate names the backup, and is quoted for a shell where that is needed', () => {
  const error = new KafkaBackupError('KB_SEGMENT_CORRUPT', 'm')
  const hintFor = (repositoryUrl: string) =>
    (withPastableHint(error, { repositoryUrl, backupId: 'daily' } as Config) as KafkaBackupError).hint
  assert.equal(
    hintFor('file:///var/backups'),
    'Run: kafka-backup validate --repo file:///var/backups --backup-id daily --deep',
  )
  assert.match(hintFor('file:///a&b'), /--repo 'file:\/\/\/a&b' /)
  assert.equal(withPastableHint(error, undefined), error)
})
