import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/**
 * CRC-32C (Castagnoli, RFC 3720) of `bytes` as an unsigned 32-bit number. `initial` is the result for the bytes
 * before these, so that a checksum can be continued.
 */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  return nativeCrc32c(bytes, initial)
}
