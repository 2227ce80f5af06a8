import type { CommitDocument } from './archive-reading.ts'

/** Where each partition of an archive ended, commit by commit. */
export class ArchivedEnds {
  readonly #ends = new Map<string, bigint>()

  /** To be called for each commit in its order. */
  add({ begins, segments, gaps }: CommitDocument): void {
    for (const { topic, partition, offset } of begins) this.#raise(topic, partition, offset)
    const parts = segments.flatMap((segment) => segment.parts)
    for (const { topic, partition, next_offset } of parts) this.#raise(topic, partition, next_offset)
    for (const { topic, partition, end_offset } of gaps) this.#raise(topic, partition, end_offset)
  }

  /** undefined: it has not begun. */
  of(topic: string, partition: number): bigint | undefined {
    return this.#ends.get(`${topic}/${partition}`)
  }

  #raise(topic: string, partition: number, offset: string): void {
    const name = `${topic}/${partition}`
    const end = BigInt(offset)
    if (end > (this.#ends.get(name) ?? -1n)) this.#ends.set(name, end)
  }
}
