import type { BombDecoder } from './bomb-decoders.ts'

/** Bytes that would cost far more than they are. */
export interface Bomb {
  readonly name: string
  readonly decoder: BombDecoder
  readonly bytes: Buffer
}

export const bomb = (decoder: BombDecoder, name: string, bytes: Buffer): Bomb => ({ name, decoder, bytes })
