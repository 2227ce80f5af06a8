export { ERROR_TABLE, type ErrorCategory, type ErrorCode, EXIT_CODES } from '../errors/error-codes.ts'
export { isKafkaBackupError, KafkaBackupError, toKafkaBackupError } from '../errors/kafka-backup-error.ts'
export { withoutPastedSecrets } from '../errors/pasted-secrets.ts'
