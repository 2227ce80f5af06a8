import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { type Bomb, bomb } from './bomb-orders.ts'

const MIB = 1024 * 1024
const PADDING = Buffer.alloc(MIB)

/** An answer that begins with the time of a throttle. */
function answer(write: (writer: ByteWriter) => ByteWriter): Buffer {
  return write(new ByteWriter(64).int32(0)).finish()
}

function fetchBombs(): Bomb[] {
  return [
    bomb(
      'old fetch',
      'a Fetch answer of 2^31 - 1 topics',
      answer((writer) => writer.int32(2 ** 31 - 1).raw(PADDING)),
    ),
    bomb(
      'old fetch',
      'a Fetch answer of 2^31 - 1 partitions',
      answer((writer) =>
        writer
          .int32(1)
          .string('a')
          .int32(2 ** 31 - 1)
          .raw(PADDING),
      ),
    ),
    bomb(
      'fetch',
      'a Fetch answer of 2^32 tagged fields',
      Buffer.concat([
        new ByteWriter(64)
          .int32(0)
          .int16(0)
          .int32(0)
          .unsignedVarint(2)
          .compactString('a')
          .unsignedVarint(1)
          .unsignedVarint(2 ** 32 - 1)
          .finish(),
        PADDING,
      ]),
    ),
  ]
}

function otherAnswerBombs(): Bomb[] {
  // Its name is -16 bytes long: the next element would begin where this one did.
  const backwards = answer((writer) =>
    writer
      .int32(2 ** 31 - 1)
      .int16(-2)
      .int32(-1)
      .int64(0n),
  )
  return [
    bomb(
      'sasl',
      'a SASL answer of 64 MiB',
      new ByteWriter(64)
        .int16(0)
        .int16(-1)
        .byteString(Buffer.alloc(64 * MIB, 'A'))
        .int64(0n)
        .finish(),
    ),
    bomb(
      'sasl',
      'a SASL answer that claims 2 GiB',
      new ByteWriter(64)
        .int16(0)
        .int16(-1)
        .int32(2 ** 31 - 1)
        .finish(),
    ),
    bomb(
      'metadata',
      'a Metadata answer of 2^31 - 1 brokers',
      answer((writer) => writer.int32(2 ** 31 - 1).raw(PADDING.subarray(0, 1000))),
    ),
    bomb(
      'metadata',
      'a Metadata answer whose texts lead backwards',
      answer((writer) =>
        writer
          .int32(2 ** 31 - 1)
          .int32(1)
          .int16(-12)
          .int32(1)
          .int16(0),
      ),
    ),
    bomb('offsets', 'a ListOffsets answer whose texts lead backwards', backwards),
    bomb(
      'offsets',
      'a ListOffsets answer of 2^31 - 1 topics',
      answer((writer) => writer.int32(2 ** 31 - 1).raw(PADDING.subarray(0, 1000))),
    ),
  ]
}

/** Answers of brokers that claim or repeat too much. */
export function answerBombs(): Bomb[] {
  return [...fetchBombs(), ...otherAnswerBombs()]
}
