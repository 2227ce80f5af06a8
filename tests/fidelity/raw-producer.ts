import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaCluster } from '@kafka-backup/testkit'
import { type BrokerLink, openBrokerLink } from '../../packages/core/src/kafka/broker-connections.ts'
import { produceBatches } from '../../packages/core/src/kafka/produce-api.ts'

/** Since version 7 of Produce brokers take zstd; version 8 they all have. */
const PRODUCE_VERSION = 8
const TIMEOUT_MS = 60_000
const NOT_LEADER = 6
const TRIES_MAX = 100
const PAUSE_MS = 100

/** Sends batches that no client would make, to partition 0 of topics that the only broker leads. */
export class RawProducer implements Disposable {
  readonly #link: BrokerLink

  private constructor(link: BrokerLink) {
    this.#link = link
  }

  static async open(cluster: Pick<KafkaCluster, 'brokers'>): Promise<RawProducer> {
    const address = { host: '127.0.0.1', port: cluster.brokers[0]!.port }
    return new RawProducer(await openBrokerLink(address, { clientId: 'test-setup' }))
  }

  /** Fails unless the broker takes the batch; one of a transaction needs its transactional id. */
  async send(topic: string, batch: Uint8Array, transactionalId: string | null = null): Promise<void> {
    const request = [{ topic, partition: 0, batch }]
    const send = () =>
      produceBatches(this.#link.connection, PRODUCE_VERSION, request, {
        timeoutMs: TIMEOUT_MS,
        transactionalId,
      })
    let [produced] = await send()
    // The broker may not know yet that it leads a topic that was just created.
    for (let tries = 0; produced?.errorCode === NOT_LEADER && tries < TRIES_MAX; tries++) {
      await delay(PAUSE_MS)
      produced = (await send())[0]
    }
    assert.deepEqual([produced?.errorCode, produced?.errorMessage], [0, null], `the broker took it: ${topic}`)
  }

  [Symbol.dispose](): void {
    this.#link.connection.close()
  }
}
