import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { FrameTransform } from '../format/frame-transform.ts'
import type { CheckpointCacheFactory } from '../observe/checkpoint-cache.ts'
import { invariant } from '../runtime/invariant.ts'
import type { BackendFactory } from '../storage/backend-registry.ts'

/** Makes a frame transform; `level` is the compression level where the transform has one. */
export type TransformFactory = (level: number) => FrameTransform

/** A set of parts. A value, not a discovery: the program that is started names the plugins it wants. */
export interface Plugin {
  readonly name: string
  readonly version: string
  readonly apiVersion: 1
  register(registry: Registry): void
}

// Reading needs no level; any is right.
const READING_LEVEL = 3

/** The parts a program is made of. Duplicates are refused; after `freeze` nothing can be added. */
export class Registry {
  readonly #storages = new Map<string, BackendFactory>()
  readonly #transforms = new Map<string, TransformFactory>()
  readonly #caches = new Map<string, CheckpointCacheFactory>()
  #isFrozen = false

  /** Adds all parts of a plugin. */
  use(plugin: Plugin): this {
    plugin.register(this)
    return this
  }

  addStorage(scheme: string, factory: BackendFactory): void {
    this.#add(this.#storages, scheme, factory, 'storage scheme')
  }

  addTransform(id: string, factory: TransformFactory): void {
    this.#add(this.#transforms, id, factory, 'frame transform')
  }

  addCheckpointCache(name: string, factory: CheckpointCacheFactory): void {
    this.#add(this.#caches, name, factory, 'checkpoint cache')
  }

  freeze(): this {
    this.#isFrozen = true
    return this
  }

  get storages(): ReadonlyMap<string, BackendFactory> {
    return this.#storages
  }

  /** For reading: every transform by id. */
  transformsById(): ReadonlyMap<string, FrameTransform> {
    return new Map([...this.#transforms].map(([id, factory]) => [id, factory(READING_LEVEL)]))
  }

  /** For writing. @throws KB_TRANSFORM_UNAVAILABLE, never a fallback */
  transform(id: string, level: number): FrameTransform {
    const factory = this.#transforms.get(id)
    if (!factory)
      throw new KafkaBackupError('KB_TRANSFORM_UNAVAILABLE', `this program has no frame transform "${id}"`)
    return factory(level)
  }

  /** By the names of `offset_storage.backend`. */
  checkpointCache(name: string): CheckpointCacheFactory {
    const factory = this.#caches.get(name)
    invariant(factory, `this program has no checkpoint cache "${name}"`)
    return factory
  }

  #add<T>(parts: Map<string, T>, name: string, part: T, what: string): void {
    invariant(!this.#isFrozen, `${what} "${name}" added after the registry was frozen`)
    invariant(!parts.has(name), `${what} "${name}" added twice`)
    parts.set(name, part)
  }
}
