import { invariant } from '../runtime/invariant.ts'
import { type GivenValue, RANK } from './given-values.ts'
import { type Environment, interpolate } from './interpolation.ts'
import { type ProblemList, placeInFile, shownText } from './problems.ts'
import type { Setting, SettingValue, Verb } from './setting.ts'
import { isNeededBy, isUsedBy, sectionOf } from './setting-names.ts'
import { readValue } from './setting-value.ts'
import { findSetting, SETTINGS } from './settings.ts'
import { mapTexts, type WrittenValue } from './written-value.ts'

/** The one setting of `storage` that has nothing to do with which store it is. */
const PACE = 'storage.rate_limit_bytes_per_sec'

/** What checking needs to know, and where it reports. */
export interface CheckContext {
  readonly verb: Verb
  readonly file: string | undefined
  readonly env: Environment
  readonly problems: ProblemList
  readonly warnings: string[]
}

/** The values of all settings, with those of the table where nothing was given. */
export class CheckedValues {
  readonly #given: ReadonlyMap<string, GivenValue>
  readonly #context: CheckContext
  readonly #values = new Map<string, SettingValue>()
  readonly #refused = new Set<string>()

  constructor(given: ReadonlyMap<string, GivenValue>, context: CheckContext) {
    this.#given = given
    this.#context = context
    // A --repo replaces the storage of a file, whatever that needs or cannot have yet.
    const isStorageReplaced = (given.get('repo')?.rank ?? RANK.default) > this.storageRank
    for (const value of given.values()) {
      if (!isStorageReplaced || !this.#goesWithStorage(value)) this.#check(value)
    }
    this.#refuseUnsupported()
  }

  /** The value that was given or is the default; undefined if there is neither. */
  get(path: string): SettingValue | undefined {
    return this.#values.get(path) ?? findSetting(path)?.default
  }

  /** What won, if anything was given that counts. */
  given(path: string): GivenValue | undefined {
    return this.#values.has(path) ? this.#given.get(path) : undefined
  }

  /** True when nothing was given, or nothing but an empty list; what was wrong is reported and not missing. */
  isMissing(path: string): boolean {
    if (this.#given.has(path) && !this.#values.has(path)) return false
    const value = this.get(path)
    return value === undefined || (Array.isArray(value) && value.length === 0)
  }

  /** True when something was given that is no value of the setting; that is reported already. */
  isWrong(path: string): boolean {
    return this.#given.has(path) && !this.#values.has(path)
  }

  /** True when {@link isWrong} is true of anything in a section. */
  isWrongBelow(prefix: string): boolean {
    return [...this.#given.keys()].some((path) => path.startsWith(prefix) && this.isWrong(path))
  }

  /** Everything that was given in a section and counts, by the order of the table. */
  givenBelow(prefix: string): readonly GivenValue[] {
    return [...this.#given.values()].filter(
      ({ setting }) => setting.path.startsWith(prefix) && this.#values.has(setting.path),
    )
  }

  origins(): ReadonlyMap<string, string> {
    return new Map(SETTINGS.map(({ path }) => [path, this.given(path)?.origin ?? 'default']))
  }

  /** Reports a problem where the value was given. */
  complain(given: GivenValue, message: string, line = given.line): void {
    const key = given.setting.path
    this.#context.problems.add({
      code: 'KB_CONFIG_INVALID',
      message: `${given.name} ${message}`,
      line: given.line && line,
      key,
    })
  }

  #check(given: GivenValue): void {
    const written = given.rank === RANK.file ? this.#interpolated(given) : given.written
    if (!written) return
    const read = readValue(given.setting, written)
    if (read.complaint !== undefined) {
      this.complain(given, read.complaint, read.line ?? given.line)
      return
    }
    this.#values.set(given.setting.path, read.value)
    if (isUsedBy(given.setting, this.#context.verb)) this.#applyStatus(given, read.value)
  }

  /** Undefined when that failed, or when a section that this verb does not need names a variable that is unset. */
  #interpolated(given: GivenValue): WrittenValue | undefined {
    const { verb, env, problems } = this.#context
    let hasFailed = false
    const written = mapTexts(given.written, (value) => {
      const result = interpolate(value.text, env)
      if (result.kind === 'text') return { ...value, text: result.text }
      hasFailed = true
      const line = value.line ?? given.line
      if (result.kind === 'malformed') {
        this.complain(given, `must have a name in \${…}; $\${ stands for a literal \${`, line)
      } else if (isNeededBy(given.setting, verb)) {
        const message = `${given.name} needs the environment variable ${result.variable}, which is not set`
        problems.add({ code: 'KB_CONFIG_UNSET_VARIABLE', message, line, key: given.setting.path })
      }
      return value
    })
    return hasFailed ? undefined : written
  }

  #applyStatus(given: GivenValue, value: SettingValue): void {
    const { status, path } = given.setting
    if (status.kind === 'effective' || isHarmless(given.setting, value)) return
    if (status.kind === 'refused') {
      this.#refused.add(path)
      return
    }
    const place = given.line === undefined ? '' : `${placeInFile(this.#context.file, given.line)}: `
    this.#context.warnings.push(`${place}${given.name} has no effect: ${status.because}`)
  }

  #refuseUnsupported(): void {
    for (const path of this.#refused) {
      const given = this.#given.get(path)
      const value = this.#values.get(path)
      invariant(given && value !== undefined, `${path} was refused`)
      this.#context.problems.add({
        code: 'KB_CONFIG_UNSUPPORTED',
        message: `${given.name} cannot be ${refusal(given, value)}; nothing was started`,
        line: given.line,
        key: path,
      })
    }
  }

  /** The highest rank at which anything of `storage` says where the repository is. Secrets and a pace do not: they go with a `repo`. */
  get storageRank(): number {
    const ranks = [...this.#given.values()].filter(isStoragePlace).map(({ rank }) => rank)
    return Math.max(RANK.default, ...ranks)
  }

  /** True for a place of `storage`, and for a secret that was given beside one: it is for that place only. */
  #goesWithStorage(value: GivenValue): boolean {
    if (sectionOf(value.setting.path) !== 'storage' || value.setting.path === PACE) return false
    return [...this.#given.values()].some((other) => isStoragePlace(other) && other.rank === value.rank)
  }
}

function isStoragePlace({ setting }: GivenValue): boolean {
  return sectionOf(setting.path) === 'storage' && setting.type.kind !== 'secret' && setting.path !== PACE
}

function isHarmless(setting: Setting, value: SettingValue): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (value instanceof Map) return value.size === 0
  return value === setting.default
}

function refusal(given: GivenValue, value: SettingValue): string {
  const { status } = given.setting
  const isScalar = given.setting.type.kind !== 'secret' && given.written.kind === 'text'
  const shown = isScalar && given.written.kind === 'text' ? shownText(given.written.value.shown) : 'set'
  const ofStatus = status.kind === 'refused' ? (status.becauseOf?.[String(value)] ?? status.because) : ''
  return `${shown}: ${ofStatus}`
}
