import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import { type OpenTransaction, partitionName } from '../kafka/cluster.ts'
import { endOfTransactionText, openTransactionText } from '../kafka/open-transaction-text.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import { abortLeftOpen, abortWhatMayBeOpen, type LeftOpenOptions } from './left-open.ts'
import type { LaneEnd } from './restore-attempt.ts'

/** Who waits, and who is told for what. */
export interface ReadableEndsOptions extends LeftOpenOptions {
  readonly observe: Observer
}

const END_RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 30_000 }
const ASK_EVERY_MIN_MS = 50
const ASK_EVERY_MAX_MS = 1_000
/** Markers of the last transaction take less. */
const SAY_AFTER_MS = 3_000
/** A restore that is alive commits every ten seconds. */
const ABORT_AFTER_MS = 15_000
/** Longer than the transactions of most producers may be open, and the brokers need to notice. */
const GIVE_UP_AFTER_MS = 90_000
const NAMED_MAX = 3

/**
 * Waits until readers of committed records see everything that was written. What other restores of the backup left open is aborted;
 * others are waited for, because nobody may end what is theirs.
 * @throws KB_RECORDS_HIDDEN when a transaction stays open
 */
export async function awaitReadable(options: ReadableEndsOptions, ends: readonly LaneEnd[]): Promise<void> {
  const { clock, signal } = options
  const beganMs = clock.monotonicMs()
  const told = new Set<string>()
  const written = ends.filter(({ position }) => position > 0n)
  let isAborted = false
  for (let pauseMs = ASK_EVERY_MIN_MS; ; pauseMs = Math.min(ASK_EVERY_MAX_MS, pauseMs * 2)) {
    const hidden = await hiddenOf(options, written)
    if (hidden.length === 0) return
    const waitedMs = clock.monotonicMs() - beganMs
    const open = waitedMs < SAY_AFTER_MS ? [] : await blockersOf(options, hidden)
    tell(options.observe, open, told)
    if (waitedMs >= GIVE_UP_AFTER_MS) throw stillHidden(hidden, open)
    if (waitedMs >= ABORT_AFTER_MS && !isAborted) {
      isAborted = true
      await (open.length > 0 ? abortLeftOpen(options, hidden) : abortWhatMayBeOpen(options, hidden))
    }
    await clock.sleep(pauseMs, signal)
  }
}

async function hiddenOf(
  { cluster, clock, signal }: ReadableEndsOptions,
  written: readonly LaneEnd[],
): Promise<readonly LaneEnd[]> {
  if (written.length === 0) return []
  const stable = await retry(() => cluster.listOffsets('last_stable', written), {
    policy: END_RETRY,
    clock,
    signal,
  })
  return written.filter((end) => (stable.get(partitionName(end)) ?? 0n) < end.nextOffset)
}

/** What is open before the last record of ours. */
async function blockersOf(
  { cluster }: ReadableEndsOptions,
  hidden: readonly LaneEnd[],
): Promise<OpenTransaction[]> {
  const ends = new Map(hidden.map((end) => [partitionName(end), end.nextOffset]))
  // That they are hidden is known without it.
  const open = await cluster.openTransactions(hidden).catch((error) => {
    if (isKafkaBackupError(error) && error.retryable) return []
    throw error
  })
  return open.filter((entry) => entry.firstOffset < (ends.get(partitionName(entry)) ?? 0n))
}

/** Once of each transaction and partition. */
function tell(observe: Observer, open: readonly OpenTransaction[], told: Set<string>): void {
  for (const entry of open) {
    const { topic, partition, producerId, transactionalId, firstOffset, beganAtMs, lastWriteAtMs } = entry
    const key = `${partitionName(entry)}:${firstOffset}`
    if (told.has(key)) continue
    told.add(key)
    const sinceMs = beganAtMs ?? lastWriteAtMs
    observe({
      type: 'transaction_blocks',
      topic,
      partition,
      producerId,
      transactionalId,
      firstOffset,
      sinceMs,
    })
  }
}

function stillHidden(hidden: readonly LaneEnd[], open: readonly OpenTransaction[]): KafkaBackupError {
  const lines = hidden.slice(0, NAMED_MAX).map((end) => {
    const name = partitionName(end)
    const blocker = open.find((entry) => partitionName(entry) === name)
    const why = blocker
      ? `${openTransactionText(blocker)}; ${endOfTransactionText(blocker)}`
      : 'a transaction is open before them, of which the brokers tell nothing'
    return `- ${name} below offset ${end.nextOffset}: ${why}`
  })
  if (hidden.length > NAMED_MAX) lines.push(`- and ${hidden.length - NAMED_MAX} partitions more`)
  const [first] = hidden
  return new KafkaBackupError(
    'KB_RECORDS_HIDDEN',
    `every record is written, but readers of committed records do not see all of them:\n${lines.join('\n')}`,
    { context: first ? { topic: first.topic, partition: first.partition } : {} },
  )
}
