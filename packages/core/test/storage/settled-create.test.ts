import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { isKafkaBackupError, KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { type Comparison, createSettled } from '../../src/storage/settled-create.ts'

const failed = (message: string) => new KafkaBackupError('KB_STORAGE_UNAVAILABLE', message)

function lostPut(compare: () => Promise<Comparison>) {
  const put = async () => {
    throw failed('cannot write a: the connection broke')
  }
  return createSettled({ key: 'a', put, compare })
}

describe('a creation whose answer was lost', () => {
  it('fails as the put did, and says that nothing is known, when it cannot be read back', async () => {
    const reading = lostPut(async () => {
      throw failed('cannot read a: the store does not answer')
    })
    await assert.rejects(reading, (error) => {
      assert.ok(isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE'))
      assert.match(
        error.message,
        /^cannot write a: the connection broke; whether it was written is not known/,
      )
      assert.match(error.message, /^cannot write a: the connection broke; whether/)
      assert.equal(error.cause, undefined)
      return true
    })
  })

  it('fails as the read did when that is an answer', async () => {
    const reading = lostPut(async () => {
      throw new KafkaBackupError('KB_STORAGE_PERMISSION', 'cannot read a: access is denied')
    })
    await expectCode(reading, 'KB_STORAGE_PERMISSION')
  })

  it('goes by what is there otherwise', async () => {
    await lostPut(async () => 'same')
    await expectCode(
      lostPut(async () => 'other'),
      'KB_OBJECT_EXISTS',
    )
    await assert.rejects(
      lostPut(async () => 'absent'),
      /^KafkaBackupError: cannot write a: the connection broke$/,
    )
  })
})
