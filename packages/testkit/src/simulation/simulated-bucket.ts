import { objectExists } from '@kafka-backup/core/internal'

/** An object, and since when it is there. Times in milliseconds by the clock of the store. */
export interface StoredObject {
  readonly bytes: Buffer
  readonly createdMs: number
  readonly modifiedMs: number
}

/** Told of every object that comes into being, before anybody can see it, and of every one that is deleted, while it is there. */
export interface BucketObserver {
  onObject(key: string, bytes: Buffer): void
  onDeletion(key: string, object: StoredObject): void
}

/** What a store holds: all that is left when every process has died. */
export class SimulatedBucket {
  readonly objects = new Map<string, StoredObject>()
  readonly #nowMs: () => number
  #observer: BucketObserver | null = null

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  watch(observer: BucketObserver): void {
    this.#observer = observer
  }

  /** @throws KB_OBJECT_EXISTS */
  create(key: string, bytes: Uint8Array): void {
    if (this.objects.has(key)) throw objectExists(key)
    this.#set(key, bytes)
  }

  replace(key: string, bytes: Uint8Array): void {
    this.#set(key, bytes)
  }

  delete(key: string): void {
    const object = this.objects.get(key)
    if (!object) return
    this.#observer?.onDeletion(key, object)
    this.objects.delete(key)
  }

  /** Keys that were there `lagMs` ago and are there now, ascending. */
  keys(prefix: string, lagMs: number): string[] {
    const latestMs = this.#nowMs() - lagMs
    return [...this.objects]
      .filter(([key, { createdMs }]) => key.startsWith(prefix) && createdMs <= latestMs)
      .map(([key]) => key)
      .sort()
  }

  #set(key: string, bytes: Uint8Array): void {
    const copy = Buffer.from(bytes)
    this.#observer?.onObject(key, copy)
    const modifiedMs = this.#nowMs()
    const createdMs = this.objects.get(key)?.createdMs ?? modifiedMs
    this.objects.set(key, { bytes: copy, createdMs, modifiedMs })
  }
}
