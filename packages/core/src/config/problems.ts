import type { ErrorCode } from '../errors/error-codes.ts'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { withoutPastedSecrets } from '../errors/pasted-secrets.ts'

/** One thing that is wrong with the configuration. */
export interface Problem {
  readonly code: Extract<ErrorCode, `KB_CONFIG_${string}`>
  readonly message: string
  /** Where in the file; absent for flags, the environment and what is missing. */
  readonly line?: number | undefined
  /** Path of the setting. */
  readonly key?: string | undefined
}

const FURTHER_MAX = 10

/** All that is wrong, so that a file can be corrected in one go. */
export class ProblemList {
  readonly #file: string | undefined
  readonly #problems: Problem[] = []

  constructor(file: string | undefined) {
    this.#file = file
  }

  add(problem: Problem): void {
    this.#problems.push(problem)
  }

  /** In the order of the file; those without a place come last. */
  get sorted(): readonly Problem[] {
    const last = Number.POSITIVE_INFINITY
    return this.#problems.toSorted((a, b) => (a.line ?? last) - (b.line ?? last) || 0)
  }

  get isEmpty(): boolean {
    return this.#problems.length === 0
  }

  /** @throws the {@link refusal}, if there is one */
  throwIfAny(): void {
    const { refusal } = this
    if (refusal) throw refusal
  }

  /** The first problem in the order of the file as an error; its message names up to ten further ones. */
  get refusal(): KafkaBackupError | undefined {
    const [first, ...further] = this.sorted
    if (!first) return undefined
    const messages = [first, ...further.slice(0, FURTHER_MAX)].map((problem) => this.#text(problem))
    if (further.length > FURTHER_MAX) messages.push(`and ${further.length - FURTHER_MAX} more`)
    return new KafkaBackupError(first.code, messages.join('\n'), {
      context: {
        ...(this.#file !== undefined && first.line !== undefined
          ? { file: this.#file, line: first.line }
          : {}),
        ...(first.key === undefined ? {} : { key: first.key }),
      },
    })
  }

  #text(problem: Problem): string {
    return problem.line === undefined
      ? problem.message
      : `${placeInFile(this.#file, problem.line)}: ${problem.message}`
  }
}

/** `backup.yaml:14` */
export function placeInFile(file: string | undefined, line: number): string {
  return `${file ?? 'configuration'}:${line}`
}

const SHOWN_MAX_LENGTH = 60

/** A URL may have a password before its @ or a signature behind its ?, wherever it was written by mistake. */
function withoutSecrets(text: string): string {
  return withoutPastedSecrets(text)
    .replace(/^([a-z][a-z0-9+.-]*:(?:\/\/)?).*@/is, '$1…@')
    .replace(/\?[^=]*=.*$/s, '?…')
}

/** What somebody wrote, as messages may show it: short, and without characters that command a terminal. */
export function shownText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  const harmless = withoutSecrets(text).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '�')
  if (harmless === '') return 'an empty text'
  return harmless.length > SHOWN_MAX_LENGTH ? `${harmless.slice(0, SHOWN_MAX_LENGTH)}…` : harmless
}
