import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { format, inspect } from 'node:util'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { invariant } from '../../src/runtime/invariant.ts'
import { Secret } from '../../src/runtime/secret.ts'
import { settleAll } from '../../src/runtime/settle-all.ts'
import { expectCode } from '../protocol/samples.ts'

const PASSWORD = 'hunter2-correct-horse'

test('a secret is revealed on request and in no other way', () => {
  const secret = new Secret(PASSWORD)
  assert.equal(secret.reveal(), PASSWORD)
  const nested = { cluster: { sasl: { password: secret } }, list: [secret], map: new Map([['key', secret]]) }
  const error = new Error(`login with ${secret} failed`, { cause: secret })
  const prints = [
    String(secret),
    `${secret}`,
    secret + '',
    secret.toString(),
    secret.toLocaleString(),
    [secret, secret].join(','),
    JSON.stringify(secret),
    JSON.stringify(nested),
    inspect(secret),
    inspect(nested, { depth: 10 }),
    inspect(secret, { showHidden: true, customInspect: false }),
    format('%s %o %O %j', secret, secret, nested, nested),
    inspect(error),
    String(error.stack),
    inspect(new KafkaBackupError('KB_CONFIG_INVALID', `bad ${secret}`, { cause: nested })),
    JSON.stringify({ ...secret }),
    JSON.stringify(Object.entries(secret)),
    JSON.stringify(structuredClone({ ...secret })),
    inspect(Object.getOwnPropertyDescriptors(secret)),
    Reflect.ownKeys(secret).join(','),
    secret.reveal.toString(),
  ]
  for (const [index, print] of prints.entries())
    assert.ok(!print.includes(PASSWORD), `print ${index}: ${print}`)
  for (const print of prints.slice(0, 10)) assert.match(print, /\[secret\]/)
})

test('two secrets do not tell whether they are the same', () => {
  assert.equal(inspect(new Secret('a')), inspect(new Secret('bb')))
  assert.equal(JSON.stringify(new Secret('')), JSON.stringify(new Secret('b')))
})

test('all tasks have ended before the first failure in their order is thrown', async () => {
  const ended: string[] = []
  const task = async (name: string, durationMs: number, isFailing: boolean) => {
    await pause(durationMs)
    ended.push(name)
    if (isFailing) throw new Error(name)
  }
  const tasks = [
    task('slow', 30, false),
    task('later', 20, true),
    task('early', 1, true),
    task('last', 40, false),
  ]
  await assert.rejects(settleAll(tasks), /^Error: later$/)
  assert.deepEqual(ended, ['early', 'later', 'slow', 'last'])
})

test('nothing to wait for, or nothing that fails, is no error', async () => {
  assert.equal(await settleAll([]), undefined)
  assert.equal(await settleAll([Promise.resolve(1), Promise.resolve('two')]), undefined)
})

test('a task that fails with nothing still fails all', async () => {
  const outcome = await settleAll([Promise.reject(undefined)]).then(
    () => 'resolved',
    () => 'rejected',
  )
  assert.equal(outcome, 'rejected')
})

test('a broken invariant is a defect of the program and says which', () => {
  for (const condition of [false, 0, '', null, undefined, Number.NaN]) {
    expectCode('KB_INTERNAL', () => invariant(condition, 'offsets ascend'))
  }
  assert.throws(() => invariant(false, 'offsets ascend'), /invariant broken: offsets ascend/)
  invariant(1, 'never thrown')
  const [value] = ['text', null]
  invariant(value, 'the type is narrowed')
  assert.equal(value.length, 4)
})
