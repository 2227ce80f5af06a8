import { inspect } from 'node:util'

const PLACEHOLDER = '[secret]'

/** Holds a value that must never be printed: string, JSON and inspect all give a placeholder. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself; call only where it is handed to the peer that needs it. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return PLACEHOLDER
  }

  toJSON(): string {
    return PLACEHOLDER
  }

  [inspect.custom](): string {
    return PLACEHOLDER
  }
}
