import { CODECS, type Codec } from '../../protocol/codec.ts'
import type { BatchLimit } from '../batch-limit.ts'

type Values = ReadonlyMap<string, string>

/** What bounds a batch of a topic, and by which settings. */
export interface TopicLimits {
  readonly limit: BatchLimit
  /** Each larger batch is refused because of it. */
  readonly bounds: readonly { readonly name: string; readonly bytes: number }[]
}

/** Kafka's default, for brokers that do not tell. */
const MAX_MESSAGE_BYTES = 1_048_588
/** `compression.type` of topics whose batches stay without compression. */
const UNCOMPRESSED = 'uncompressed'

/** By the settings of a topic that exists, or as it would be created. */
export function topicLimits(values: Values): TopicLimits {
  const bounds = [
    { name: 'max.message.bytes', bytes: Number(values.get('max.message.bytes') ?? MAX_MESSAGE_BYTES) },
    { name: 'segment.bytes', bytes: Number(values.get('segment.bytes') ?? Number.POSITIVE_INFINITY) },
  ]
  const maxBytes = Math.min(...bounds.map(({ bytes }) => bytes))
  return { limit: { maxBytes, codec: codecOf(values.get('compression.type')) }, bounds }
}

/** null: the topic leaves every batch as its producer has compressed it. */
function codecOf(compressionType: string | undefined): Codec | null {
  if (compressionType === UNCOMPRESSED) return 'none'
  return CODECS.find((codec) => codec !== 'none' && codec === compressionType) ?? null
}
