const SEED = 0x9747b28c
const M = 0x5bd1e995
const R = 24

/**
 * The hash by which Kafka's Java producer chooses a partition: MurmurHash2, 32 bits, little endian, seed 0x9747b28c. Signed.
 * Checked against Kafka's own class in the tests.
 */
export function murmur2(key: Uint8Array): number {
  const { length } = key
  let hash = SEED ^ length
  const end = length - (length % 4)
  for (let at = 0; at < end; at += 4) {
    let word =
      byteAt(key, at) | (byteAt(key, at + 1) << 8) | (byteAt(key, at + 2) << 16) | (byteAt(key, at + 3) << 24)
    word = Math.imul(word, M)
    word ^= word >>> R
    word = Math.imul(word, M)
    hash = Math.imul(hash, M) ^ word
  }
  const left = length - end
  if (left >= 3) hash ^= byteAt(key, end + 2) << 16
  if (left >= 2) hash ^= byteAt(key, end + 1) << 8
  if (left >= 1) hash = Math.imul(hash ^ byteAt(key, end), M)
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/**
 * The partition that the Java producer sends a key to; an empty key is hashed too. Records without a key, which the producer
 * spreads by chance, keep together by their source partition, so that every run writes the same.
 */
export function partitionOfKey(key: Uint8Array | null, sourcePartition: number, partitions: number): number {
  if (key === null) return sourcePartition % partitions
  return (murmur2(key) & 0x7fffffff) % partitions
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}
