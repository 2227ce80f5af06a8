import { invariant } from '../runtime/invariant.ts'
import { suggest } from '../runtime/suggestion.ts'
import type { FileValue } from './file-values.ts'
import { type Environment, readVariable } from './interpolation.ts'
import { placeInFile } from './problems.ts'
import type { Setting, Verb } from './setting.ts'
import { environmentVariableOf, flagOf, isUsedBy } from './setting-names.ts'
import { findSetting, SETTINGS } from './settings.ts'
import { type WrittenValue, writtenText } from './written-value.ts'

/** Values of flags by the path of the setting; a flag given several times is an array. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** Where a value was given. A higher rank wins. */
export const RANK = { default: 0, file: 1, environment: 2, flag: 3 } as const

/** The value of a setting that wins, not checked yet. */
export interface GivenValue {
  readonly setting: Setting
  readonly rank: number
  /** The setting in the words of whoever gave it: a path, a variable or a flag. */
  readonly name: string
  readonly written: WrittenValue
  /** For `origins`: `backup.yaml:14`, `environment` or `flag`. */
  readonly origin: string
  readonly line?: number
}

/** All that was given, from every side. */
export interface GivenSources {
  readonly file: string | undefined
  readonly fileValues: ReadonlyMap<string, FileValue>
  readonly flags: FlagValues
  readonly env: Environment
}

/** Flag before environment before file, for each setting by itself. */
export function winningValues(sources: GivenSources): ReadonlyMap<string, GivenValue> {
  for (const [path, value] of Object.entries(sources.flags)) {
    const setting = findSetting(path)
    if (value === undefined) continue
    invariant(setting !== undefined && flagOf(setting) !== undefined, `no flag for ${path}`)
  }
  const winners = new Map<string, GivenValue>()
  for (const setting of SETTINGS) {
    const winner =
      fromFlag(setting, sources) ?? fromEnvironment(setting, sources) ?? fromFile(setting, sources)
    if (winner) winners.set(setting.path, winner)
  }
  return winners
}

function fromFlag(setting: Setting, { flags }: GivenSources): GivenValue | undefined {
  const value = Object.hasOwn(flags, setting.path) ? flags[setting.path] : undefined
  if (value === undefined) return
  return {
    setting,
    rank: RANK.flag,
    name: flagOf(setting) ?? setting.path,
    origin: 'flag',
    written: writtenFlag(setting, value),
  }
}

function writtenFlag(setting: Setting, value: string | boolean | readonly string[]): WrittenValue {
  if (typeof value === 'string' || typeof value === 'boolean') {
    return { kind: 'text', value: writtenText(String(value)) }
  }
  if (setting.type.kind === 'list') return { kind: 'list', items: value.map(writtenText) }
  // A setting of one value refuses a list, unless the flag was in fact given once.
  const isMap = setting.type.kind === 'pairs' || setting.type.kind === 'sections'
  if (!isMap && value.length !== 1) {
    return { kind: 'list', items: value.map(writtenText) }
  }
  return { kind: 'text', value: writtenText(value.join(',')) }
}

function fromEnvironment(setting: Setting, { env }: GivenSources): GivenValue | undefined {
  const name = environmentVariableOf(setting)
  const value = name === undefined ? undefined : readVariable(env, name)
  // An empty variable is how most tools leave one out.
  if (name === undefined || value === undefined || value === '') return
  const written: WrittenValue = { kind: 'text', value: { text: value, shown: value } }
  return { setting, rank: RANK.environment, name, origin: 'environment', written }
}

function fromFile(setting: Setting, { file, fileValues }: GivenSources): GivenValue | undefined {
  const value = fileValues.get(setting.path)
  if (!value) return
  const { path: name, line, written } = value
  return { setting, rank: RANK.file, name, origin: placeInFile(file, line), line, written }
}

/** A warning for each variable that was probably meant to be a setting of this verb. */
export function misspeltVariables(env: Environment, verb: Verb): readonly string[] {
  const known = new Set(SETTINGS.map(environmentVariableOf).filter((name) => name !== undefined))
  const used = SETTINGS.filter((setting) => isUsedBy(setting, verb)).map(environmentVariableOf)
  const suffixes = used.filter((name) => name !== undefined).map((name) => name.slice(PREFIX.length))
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith(PREFIX) || known.has(name)) return []
    const better = suggest(name.slice(PREFIX.length), suffixes)
    return better === undefined ? [] : [`${name} is not a setting. Did you mean ${PREFIX}${better}?`]
  })
}

const PREFIX = 'KAFKA_BACKUP_'
