import type { PartitionName } from './partition-set.ts'

// In canonical JSON the partition stands before the topic, and no object stands between the two.
const ENTRY = /"partition":(\d{1,10})\b[^{}]*?"topic":"([A-Za-z0-9._-]{1,249})"/g
const KEY = /topics\/([A-Za-z0-9._-]{1,249})\/partition=(\d{1,10})\//g

/**
 * Partitions that a damaged document seems to speak of. A guess to guide a person, for nothing else: any of the names
 * may be damaged too.
 */
export function namedPartitions(bytes: Buffer): PartitionName[] {
  const text = bytes.toString('latin1')
  const entries = [...text.matchAll(ENTRY)].map(([, partition, topic = '']) => ({
    topic,
    partition: Number(partition),
  }))
  const keys = [...text.matchAll(KEY)].map(([, topic = '', partition]) => ({
    topic,
    partition: Number(partition),
  }))
  return [...entries, ...keys]
}
