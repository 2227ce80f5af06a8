import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/** Compression of the records of one batch, by its name in Kafka's configuration. */
export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** The codecs by their id, which is bits 0 to 2 of a batch's attributes (zstd: KIP-110). */
export const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Whether a name, as an archive has it, is that of a codec. */
export function isCodec(name: string): name is Codec {
  return (CODECS as readonly string[]).includes(name)
}

/** The codec with this id (0 to 7). @throws KB_FORMAT_UNSUPPORTED for 5 to 7, which Kafka has not given out. */
export function codecOf(codecId: number): Codec {
  const codec = CODECS[codecId]
  if (codec === undefined) {
    throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `unknown compression codec ${codecId}`)
  }
  return codec
}

/** The id of a codec, as bits 0 to 2 of a batch's attributes hold it. */
export function codecIdOf(codec: Codec): number {
  return CODECS.indexOf(codec)
}
