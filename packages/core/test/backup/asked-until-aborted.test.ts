import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { askedUntilAborted } from '../../src/backup/asked-until-aborted.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'

const QUESTIONS = [
  'topicNames',
  'survey',
  'listOffsets',
  'epochEnds',
  'openTransactions',
  'topicSettings',
  'clusterFacts',
] as const

function clusterOf(answer: () => Promise<unknown>): Cluster {
  return Object.fromEntries(QUESTIONS.map((name) => [name, answer])) as unknown as Cluster
}

const ask = (cluster: Cluster, name: (typeof QUESTIONS)[number]) =>
  (cluster[name] as (...args: unknown[]) => Promise<unknown>)([])

test('what a silent cluster was asked rejects with the reason of the stop', async () => {
  for (const name of QUESTIONS) {
    const stop = new AbortController()
    const cluster = askedUntilAborted(
      clusterOf(() => new Promise(() => undefined)),
      stop.signal,
    )
    const waiting = ask(cluster, name)
    stop.abort(new Error('stop'))
    await assert.rejects(waiting, /stop/, name)
    await assert.rejects(ask(cluster, name), /stop/, name)
  }
})

test('an answer is passed on, and leaves nothing at the signal', async () => {
  const { signal } = new AbortController()
  const failure = new Error('refused')
  for (const name of QUESTIONS) {
    assert.equal(
      await ask(
        askedUntilAborted(
          clusterOf(async () => name),
          signal,
        ),
        name,
      ),
      name,
    )
    await assert.rejects(
      ask(
        askedUntilAborted(
          clusterOf(() => Promise.reject(failure)),
          signal,
        ),
        name,
      ),
      failure,
    )
  }
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
