/** A value of DER: tag, length, content. */
export type Der = Buffer

function tagged(tag: number, ...content: readonly Uint8Array[]): Der {
  const body = Buffer.concat(content)
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

/** Encoders of the types that certificates are made of (X.690). */
export const der = {
  sequence: (...parts: readonly Der[]) => tagged(0x30, ...parts),
  set: (...parts: readonly Der[]) => tagged(0x31, ...parts),
  /** Not negative. */
  integer: (bytes: Uint8Array) =>
    tagged(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.from([0, ...bytes]) : Buffer.from(bytes)),
  boolean: (value: boolean) => tagged(0x01, Buffer.from([value ? 0xff : 0])),
  bits: (bytes: Uint8Array, unusedBits = 0) => tagged(0x03, Buffer.from([unusedBits]), bytes),
  octets: (bytes: Uint8Array) => tagged(0x04, bytes),
  text: (value: string) => tagged(0x0c, Buffer.from(value)),
  /** With four digits of the year: the form that has no century to guess. */
  time: (timeMs: number) =>
    tagged(0x18, Buffer.from(new Date(timeMs).toISOString().replaceAll(/[-:T]|\.\d{3}/g, ''))),
  /** A part of a structure that is told apart by a number. */
  context: (number: number, ...content: readonly Uint8Array[]) => tagged(0xa0 + number, ...content),
  contextPrimitive: (number: number, content: Uint8Array) => tagged(0x80 + number, content),
  oid: (dotted: string) => {
    const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
    return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
  },
} as const

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}
