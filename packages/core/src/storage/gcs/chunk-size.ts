const MIB = 1024 * 1024

/** No object has more chunks; Google has no such limit, but 5 TiB for an object, which fit. */
export const CHUNKS_MAX = 655_360

/** Bytes of every chunk of an upload but its last one: a multiple of 256 KiB, which Google demands. */
export const CHUNK_BYTES = 8 * MIB
