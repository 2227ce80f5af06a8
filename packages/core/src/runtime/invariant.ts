import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/** Stops the program when our own reasoning is wrong. Never for input from outside; never compiled out. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new KafkaBackupError('KB_INTERNAL', `invariant broken: ${message}`)
}
