import type { ErrorCode } from '../errors/error-codes.ts'
import { type ErrorContext, KafkaBackupError } from '../errors/kafka-backup-error.ts'

interface BrokerErrorRow {
  readonly name: string
  readonly code: ErrorCode
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
  [19, { name: 'NOT_ENOUGH_REPLICAS', code: 'KB_BROKER_TRANSIENT' }],
  [20, { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', code: 'KB_BROKER_TRANSIENT' }],
  [29, { name: 'TOPIC_AUTHORIZATION_FAILED', code: 'KB_CLUSTER_PERMISSION' }],
  [31, { name: 'CLUSTER_AUTHORIZATION_FAILED', code: 'KB_CLUSTER_PERMISSION' }],
  [35, { name: 'UNSUPPORTED_VERSION', code: 'KB_BROKER_UNSUPPORTED' }],
  [36, { name: 'TOPIC_ALREADY_EXISTS', code: 'KB_TARGET_UNSUITABLE' }],
  [41, { name: 'NOT_CONTROLLER', code: 'KB_BROKER_TRANSIENT' }],
  [44, { name: 'POLICY_VIOLATION', code: 'KB_TARGET_UNSUITABLE' }],
  [45, { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', code: 'KB_TARGET_CHANGED' }],
  [47, { name: 'INVALID_PRODUCER_EPOCH', code: 'KB_TARGET_CHANGED' }],
  [56, { name: 'KAFKA_STORAGE_ERROR', code: 'KB_BROKER_TRANSIENT' }],
  [58, { name: 'SASL_AUTHENTICATION_FAILED', code: 'KB_CLUSTER_PERMISSION' }],
  [59, { name: 'UNKNOWN_PRODUCER_ID', code: 'KB_TARGET_CHANGED' }],
  [74, { name: 'FENCED_LEADER_EPOCH', code: 'KB_BROKER_TRANSIENT' }],
  [75, { name: 'UNKNOWN_LEADER_EPOCH', code: 'KB_BROKER_TRANSIENT' }],
  [77, { name: 'STALE_BROKER_EPOCH', code: 'KB_BROKER_TRANSIENT' }],
  [78, { name: 'OFFSET_NOT_AVAILABLE', code: 'KB_BROKER_TRANSIENT' }],
  [87, { name: 'INVALID_RECORD', code: 'KB_BROKER_ERROR' }],
  [89, { name: 'THROTTLING_QUOTA_EXCEEDED', code: 'KB_BROKER_TRANSIENT' }],
  [100, { name: 'UNKNOWN_TOPIC_ID', code: 'KB_BROKER_TRANSIENT' }],
  [103, { name: 'INCONSISTENT_TOPIC_ID', code: 'KB_BROKER_TRANSIENT' }],
])

/** A broker's error code as one of ours. Codes without a row are KB_BROKER_ERROR and not retried. */
export function brokerError(kafkaCode: number, doing: string, context: ErrorContext = {}): KafkaBackupError {
  const row = BROKER_ERRORS.get(kafkaCode)
  const name = row?.name ?? `error ${kafkaCode}`
  return new KafkaBackupError(row?.code ?? 'KB_BROKER_ERROR', `${doing}: the broker answered ${name}`, {
    context: { ...context, kafkaError: name },
  })
}

/** A connection that failed or went silent. */
export function unreachable(broker: string, reason: string, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_CLUSTER_UNREACHABLE', `broker ${broker}: ${reason}`, {
    context: { broker },
    ...(cause === undefined ? {} : { cause }),
  })
}
