import { objectExists } from '@kafka-backup/core/internal'

/** An object, and since when it is there. Times in milliseconds of the world. */
export interface StoredObject {
  readonly bytes: Buffer
  readonly createdMs: number
  readonly modifiedMs: number
}

/** Told of every object that comes into being, before anybody can see it. */
export type OnObject = (key: string, bytes: Buffer) => void

/** What a store holds: all that is left when every process has died. */
export class SimulatedBucket {
  readonly objects = new Map<string, StoredObject>()
  readonly #nowMs: () => number
  #onCreate: OnObject = () => undefined

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  watch(onCreate: OnObject): void {
    this.#onCreate = onCreate
  }

  /** @throws KB_OBJECT_EXISTS */
  create(key: string, bytes: Uint8Array): void {
    if (this.objects.has(key)) throw objectExists(key)
    this.#set(key, bytes)
  }

  replace(key: string, bytes: Uint8Array): void {
    this.#set(key, bytes)
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
    this.#onCreate(key, copy)
    const modifiedMs = this.#nowMs()
    const createdMs = this.objects.get(key)?.createdMs ?? modifiedMs
    this.objects.set(key, { bytes: copy, createdMs, modifiedMs })
  }
}
