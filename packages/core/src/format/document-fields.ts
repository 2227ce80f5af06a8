import { z } from 'zod'
import { listOf } from './checked-list.ts'

const decimal = /^(?:0|-?[1-9][0-9]{0,18})$/

/** A 64-bit integer as a decimal string, parsed to bigint. */
export const decimalString = z
  .string()
  .regex(decimal)
  .transform(BigInt)
  .refine((value) => BigInt.asIntN(64, value) === value, 'not a 64-bit integer')
/** The same, not negative. */
export const offsetString = decimalString.refine((value) => value >= 0n, 'negative offset')
/** A count or a size. */
export const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
/** Lower-case hex SHA-256. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/)
/** The suffix drawn for each run. */
export const writerId = z.string().regex(/^[0-9a-f]{8}$/)
/** Kafka's rule for topic names. */
export const topicName = z
  .string()
  .regex(/^[a-zA-Z0-9._-]{1,249}$/)
  .refine((name) => name !== '.' && name !== '..')
/** Kafka's 22-character topic id. */
export const topicId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{22}$/)
  .nullable()
/** Partition number. */
export const partition = z.number().int().nonnegative().max(2_147_483_647)
/** Number of a history that is not a partition's first. */
export const laterLineage = z.number().int().min(2).max(2_147_483_647)
/** Number of a history; left out for the first, which is 1. */
export const lineage = laterLineage.optional().transform((number) => number ?? 1)
/** Leader epoch and the first offset it was seen at. */
export const leaderEpochs = listOf(z.tuple([z.number().int().min(-1), offsetString]))

/** The first problem of a schema check as one line: `frames.0.bytes: expected number`. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  return issue ? `${issue.path.join('.') || 'document'}: ${issue.message}` : 'unknown problem'
}
