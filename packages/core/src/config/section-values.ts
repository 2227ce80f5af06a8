import type { CheckedValues } from './checked-values.ts'
import type { GivenValue } from './given-values.ts'
import { type Problem, shownText } from './problems.ts'
import type { SettingValue } from './setting.ts'

/** The values of one section by their short names. */
export class SectionValues {
  readonly #values: CheckedValues
  readonly #prefix: string
  readonly #report: (problem: Problem) => void

  constructor(values: CheckedValues, prefix: string, report: (problem: Problem) => void) {
    this.#values = values
    this.#prefix = prefix
    this.#report = report
  }

  get<T extends SettingValue>(name: string): T | undefined {
    return this.#values.get(this.#prefix + name) as T | undefined
  }

  /** What was given, unless it is what counts anyway. */
  given(name: string): GivenValue | undefined {
    const given = this.#values.given(this.#prefix + name)
    return given && this.get(name) === given.setting.default ? undefined : given
  }

  /** True when something was given that is reported already. */
  isWrong(name: string): boolean {
    return this.#values.isWrong(this.#prefix + name)
  }

  /** Of what was given, as a message may show it: a variable by its name. */
  shown(name: string): string {
    const written = this.given(name)?.written
    return written?.kind === 'text' ? shownText(written.value.shown) : ''
  }

  /** Reports a problem where `name` was given, or without a place. */
  complain(name: string, message: string): void {
    const given = this.given(name)
    const key = this.#prefix + name
    if (given) this.#values.complain(given, message)
    else this.#report({ code: 'KB_CONFIG_INVALID', message: `${key} ${message}`, key })
  }
}
