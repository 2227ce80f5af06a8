import { ByteWriter } from '../protocol/byte-writer.ts'
import { API_KEY } from './api-versions.ts'
import { brokerError } from './kafka-error.ts'
import type { BrokerChannel } from './wire-connection.ts'

/** Identity of an idempotent producer (KIP-98). */
export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Versions of InitProducerId that this file encodes. */
export const INIT_PRODUCER_ID = {
  name: 'InitProducerId',
  key: API_KEY.initProducerId,
  ours: { min: 0, max: 1 },
} as const

/** A new producer id without transactions. @throws KB_BROKER_TRANSIENT while the broker still loads its state */
export async function initProducerId(connection: BrokerChannel, version: number): Promise<ProducerIdentity> {
  const body = [new ByteWriter(16).string(null).int32(60_000).finish()]
  const response = await connection.request({
    apiKey: API_KEY.initProducerId,
    version,
    isFlexible: false,
    body,
  })
  const { reader } = response
  reader.int32()
  const errorCode = reader.int16()
  if (errorCode !== 0) throw brokerError(errorCode, 'InitProducerId', { broker: connection.broker })
  const identity = { producerId: reader.int64(), producerEpoch: reader.int16() }
  response.release()
  return identity
}
