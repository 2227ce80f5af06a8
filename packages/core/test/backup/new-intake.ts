import { BatchIntake, type IntakeOptions, type PartitionAnswer } from '../../src/backup/batch-intake.ts'
import type { AbortedTransaction } from '../../src/protocol/aborted-transaction-tracker.ts'

/** What a test chooses of an intake; the partition joins the backup unless it says otherwise. */
export type ChosenIntake = Omit<IntakeOptions, 'anchor' | 'epochs'> &
  Partial<Pick<IntakeOptions, 'anchor' | 'epochs'>>

export function newIntake(options: ChosenIntake): BatchIntake {
  return new BatchIntake({
    anchor: null,
    epochs: { starts: [], nextOffset: options.beginOffset },
    ...options,
  })
}

/** An answer of a leader whose log begins at 0. */
export function answerOf(
  buffer: Buffer,
  begin: number,
  end: number,
  aborted: readonly AbortedTransaction[],
): PartitionAnswer {
  return { buffer, begin, end, aborted, logStartOffset: 0n }
}
