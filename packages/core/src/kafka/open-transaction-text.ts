import type { OpenTransaction } from './cluster.ts'

/** `producer 12 (payments-app) has a transaction open at offset 7, began 2026-…` */
export function openTransactionText(entry: OpenTransaction): string {
  const who = entry.transactionalId === null ? '' : ` (${entry.transactionalId})`
  const since =
    entry.beganAtMs === null
      ? `last wrote ${new Date(entry.lastWriteAtMs).toISOString()}`
      : `began ${new Date(entry.beganAtMs).toISOString()}`
  return `producer ${entry.producerId}${who} has a transaction open at offset ${entry.firstOffset}, ${since}`
}

/** When the brokers end it by themselves, and what to do where they do not. */
export function endOfTransactionText(entry: OpenTransaction): string {
  const { topic, partition, firstOffset, transactionalId, beganAtMs, timeoutMs } = entry
  if (beganAtMs !== null && timeoutMs !== null)
    return `the brokers abort it soon after ${new Date(beganAtMs + timeoutMs).toISOString()}`
  if (transactionalId === null) return 'until when, the brokers do not tell this account'
  return `its coordinator does not know it any more, so that it stays open until somebody ends it: kafka-transactions.sh --bootstrap-server … abort --topic ${topic} --partition ${partition} --start-offset ${firstOffset}`
}
