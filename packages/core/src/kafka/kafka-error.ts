import type { ErrorCode } from '../errors/error-codes.ts'
import { type ErrorContext, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { quotedRemark } from './sasl/sasl-error.ts'

interface BrokerErrorRow {
  readonly name: string
  readonly code: ErrorCode
  /** Instead of that of the code. */
  readonly hint?: string
}

/** Broker error codes that we tell apart (https://kafka.apache.org/protocol#protocol_error_codes). */
const BROKER_ERRORS: ReadonlyMap<number, BrokerErrorRow> = new Map([
  [-1, { name: 'UNKNOWN_SERVER_ERROR', code: 'KB_BROKER_ERROR' }],
  [1, { name: 'OFFSET_OUT_OF_RANGE', code: 'KB_OFFSET_OUT_OF_RANGE' }],
  [2, { name: 'CORRUPT_MESSAGE', code: 'KB_BROKER_ERROR' }],
  [3, { name: 'UNKNOWN_TOPIC_OR_PARTITION', code: 'KB_BROKER_TRANSIENT' }],
  [5, { name: 'LEADER_NOT_AVAILABLE', code: 'KB_BROKER_TRANSIENT' }],
  [6, { name: 'NOT_LEADER_OR_FOLLOWER', code: 'KB_BROKER_TRANSIENT' }],
  [7, { name: 'REQUEST_TIMED_OUT', code: 'KB_BROKER_TRANSIENT' }],
  [8, { name: 'BROKER_NOT_AVAILABLE', code: 'KB_BROKER_TRANSIENT' }],
  [9, { name: 'REPLICA_NOT_AVAILABLE', code: 'KB_BROKER_TRANSIENT' }],
  [10, { name: 'MESSAGE_TOO_LARGE', code: 'KB_RECORD_TOO_LARGE' }],
  [13, { name: 'NETWORK_EXCEPTION', code: 'KB_BROKER_TRANSIENT' }],
  [14, { name: 'COORDINATOR_LOAD_IN_PROGRESS', code: 'KB_BROKER_TRANSIENT' }],
  [15, { name: 'COORDINATOR_NOT_AVAILABLE', code: 'KB_BROKER_TRANSIENT' }],
  [16, { name: 'NOT_COORDINATOR', code: 'KB_BROKER_TRANSIENT' }],
  [17, { name: 'INVALID_TOPIC_EXCEPTION', code: 'KB_TARGET_UNSUITABLE' }],
  [
    18,
    {
      name: 'RECORD_LIST_TOO_LARGE',
      code: 'KB_RECORD_TOO_LARGE',
      hint: 'Raise segment.bytes of the target topic.',
    },
  ],
  [19, { name: 'NOT_ENOUGH_REPLICAS', code: 'KB_BROKER_TRANSIENT' }],
  [20, { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', code: 'KB_BROKER_TRANSIENT' }],
  [24, { name: 'INVALID_GROUP_ID', code: 'KB_BROKER_ERROR' }],
  [29, { name: 'TOPIC_AUTHORIZATION_FAILED', code: 'KB_CLUSTER_PERMISSION' }],
  [30, { name: 'GROUP_AUTHORIZATION_FAILED', code: 'KB_CLUSTER_PERMISSION' }],
  [31, { name: 'CLUSTER_AUTHORIZATION_FAILED', code: 'KB_CLUSTER_PERMISSION' }],
  [32, { name: 'INVALID_TIMESTAMP', code: 'KB_TARGET_UNSUITABLE' }],
  [33, { name: 'UNSUPPORTED_SASL_MECHANISM', code: 'KB_AUTHENTICATION_FAILED' }],
  [34, { name: 'ILLEGAL_SASL_STATE', code: 'KB_AUTHENTICATION_FAILED' }],
  [35, { name: 'UNSUPPORTED_VERSION', code: 'KB_BROKER_UNSUPPORTED' }],
  [36, { name: 'TOPIC_ALREADY_EXISTS', code: 'KB_TARGET_UNSUITABLE' }],
  [37, { name: 'INVALID_PARTITIONS', code: 'KB_TARGET_UNSUITABLE' }],
  [38, { name: 'INVALID_REPLICATION_FACTOR', code: 'KB_TARGET_UNSUITABLE' }],
  [39, { name: 'INVALID_REPLICA_ASSIGNMENT', code: 'KB_TARGET_UNSUITABLE' }],
  [40, { name: 'INVALID_CONFIG', code: 'KB_TARGET_UNSUITABLE' }],
  [41, { name: 'NOT_CONTROLLER', code: 'KB_BROKER_TRANSIENT' }],
  [42, { name: 'INVALID_REQUEST', code: 'KB_BROKER_ERROR' }],
  [44, { name: 'POLICY_VIOLATION', code: 'KB_TARGET_UNSUITABLE' }],
  [45, { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', code: 'KB_TRANSACTION_LOST' }],
  [47, { name: 'INVALID_PRODUCER_EPOCH', code: 'KB_PRODUCER_FENCED' }],
  [48, { name: 'INVALID_TXN_STATE', code: 'KB_TRANSACTION_LOST' }],
  [46, { name: 'DUPLICATE_SEQUENCE_NUMBER', code: 'KB_TRANSACTION_LOST' }],
  [49, { name: 'INVALID_PRODUCER_ID_MAPPING', code: 'KB_TRANSACTION_LOST' }],
  [51, { name: 'CONCURRENT_TRANSACTIONS', code: 'KB_BROKER_TRANSIENT' }],
  [53, { name: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', code: 'KB_CLUSTER_PERMISSION' }],
  [54, { name: 'SECURITY_DISABLED', code: 'KB_BROKER_ERROR' }],
  [56, { name: 'KAFKA_STORAGE_ERROR', code: 'KB_BROKER_TRANSIENT' }],
  [58, { name: 'SASL_AUTHENTICATION_FAILED', code: 'KB_AUTHENTICATION_FAILED' }],
  [59, { name: 'UNKNOWN_PRODUCER_ID', code: 'KB_TRANSACTION_LOST' }],
  [69, { name: 'GROUP_ID_NOT_FOUND', code: 'KB_BROKER_ERROR' }],
  [72, { name: 'LISTENER_NOT_FOUND', code: 'KB_BROKER_TRANSIENT' }],
  [74, { name: 'FENCED_LEADER_EPOCH', code: 'KB_BROKER_TRANSIENT' }],
  [75, { name: 'UNKNOWN_LEADER_EPOCH', code: 'KB_BROKER_TRANSIENT' }],
  [76, { name: 'UNSUPPORTED_COMPRESSION_TYPE', code: 'KB_TARGET_UNSUITABLE' }],
  [77, { name: 'STALE_BROKER_EPOCH', code: 'KB_BROKER_TRANSIENT' }],
  [78, { name: 'OFFSET_NOT_AVAILABLE', code: 'KB_BROKER_TRANSIENT' }],
  [87, { name: 'INVALID_RECORD', code: 'KB_BROKER_ERROR' }],
  [88, { name: 'UNSTABLE_OFFSET_COMMIT', code: 'KB_BROKER_TRANSIENT' }],
  [89, { name: 'THROTTLING_QUOTA_EXCEEDED', code: 'KB_BROKER_TRANSIENT' }],
  [90, { name: 'PRODUCER_FENCED', code: 'KB_PRODUCER_FENCED' }],
  [100, { name: 'UNKNOWN_TOPIC_ID', code: 'KB_BROKER_TRANSIENT' }],
  [103, { name: 'INCONSISTENT_TOPIC_ID', code: 'KB_BROKER_TRANSIENT' }],
  [120, { name: 'TRANSACTION_ABORTABLE', code: 'KB_TRANSACTION_LOST' }],
  [105, { name: 'TRANSACTIONAL_ID_NOT_FOUND', code: 'KB_BROKER_ERROR' }],
])

/** What is known of a broker's error besides its code; `says` is the broker's own sentence. */
export interface BrokerErrorDetails extends ErrorContext {
  readonly says?: string | null
}

/** A broker's error code as one of ours. Codes without a row are KB_BROKER_ERROR and not retried. */
export function brokerError(
  kafkaCode: number,
  doing: string,
  { says, ...context }: BrokerErrorDetails = {},
): KafkaBackupError {
  const row = BROKER_ERRORS.get(kafkaCode)
  const name = row?.name ?? `error ${kafkaCode}`
  const message = `${doing}: the broker answered ${name}${says ? ` (${quotedRemark(says)})` : ''}`
  return new KafkaBackupError(row?.code ?? 'KB_BROKER_ERROR', message, {
    context: { ...context, kafkaError: name },
    ...(row?.hint === undefined ? {} : { hint: row.hint }),
  })
}

/** A connection that failed or went silent. */
export function unreachable(broker: string, reason: string, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_CLUSTER_UNREACHABLE', `broker ${broker}: ${reason}`, {
    context: { broker },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** An answer that is not what its request is answered with. */
export function answerUnreadable(broker: string, what: string, cause: unknown): KafkaBackupError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new KafkaBackupError(
    'KB_BROKER_ERROR',
    `broker ${broker}: no sense in its answer to ${what}: ${reason}`,
    {
      context: { broker },
      cause,
    },
  )
}
