import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OpenTasks } from '../../src/runtime/open-tasks.ts'

const nothing = (): void => {}

describe('open tasks', () => {
  test('end when those have ended that others began', async () => {
    const tasks = new OpenTasks(nothing)
    const last = Promise.withResolvers<void>()
    const ended: string[] = []
    tasks.begin(async () => {
      await turn()
      tasks.begin(async () => {
        await last.promise
        ended.push('the second')
      })
      ended.push('the first')
    })
    void tasks.ended.then(() => ended.push('all'))
    for (let at = 0; at < 5; at++) await turn()
    assert.deepEqual(ended, ['the first'])
    last.resolve()
    await tasks.ended
    await turn()
    assert.deepEqual(ended, ['the first', 'the second', 'all'])
  })

  test('tell the first failure at once, and throw it when nothing is open any more', async () => {
    const told: unknown[] = []
    const tasks = new OpenTasks((error) => told.push(error))
    const last = Promise.withResolvers<void>()
    let isOver = false
    tasks.begin(() => last.promise)
    tasks.begin(() => Promise.reject(new Error('first')))
    tasks.begin(() => Promise.reject(new Error('second')))
    const thrown = tasks.ended.catch((error: Error) => {
      isOver = true
      return error.message
    })
    for (let at = 0; at < 5; at++) await turn()
    assert.deepEqual([told.map((error) => (error as Error).message), isOver], [['first'], false])
    last.resolve()
    assert.equal(await thrown, 'first')
  })
})
