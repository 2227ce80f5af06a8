import type { Secret } from '../runtime/secret.ts'
import type { SectionMaps } from './section-maps.ts'

/**
 * What a run does with a cluster; `groups` asks a source for its consumer groups and reads no topic, `read` needs the repository only (list,
 * validate, …), and so does `status`, which uses the local state and the source cluster where they are given.
 */
export type Verb = 'backup' | 'restore' | 'groups' | 'read' | 'status' | 'compare'

/** How the value of a setting is written. */
export type SettingType =
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'string' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'list' }
  /** Names to names, each on the left once. */
  | { readonly kind: 'pairs' }
  /** Names to pairs, or pairs alone. */
  | { readonly kind: 'sections' }
  | { readonly kind: 'secret' }
  /** Anything; only for settings that are not effective yet. */
  | { readonly kind: 'structure' }

/** A checked value. A structure is only known to be there. */
export type SettingValue =
  | number
  | boolean
  | string
  | readonly string[]
  | ReadonlyMap<string, string>
  | SectionMaps
  | Secret
  | 'structure'

/** Whether a setting does something in this version, and if not, why. */
export type SettingStatus =
  | { readonly kind: 'effective' }
  /** Loads with a warning. */
  | { readonly kind: 'accepted'; readonly because: string }
  /**
   * Any value but the default is KB_CONFIG_UNSUPPORTED. `becauseOf` has reasons of single values.
   */
  | {
      readonly kind: 'refused'
      readonly because: string
      readonly becauseOf?: Readonly<Record<string, string>>
    }

/** What only some settings have. */
export interface SettingExtras {
  /** For a setting that is not effective: what this version does; writing that is neither warned of nor refused. */
  readonly default?: SettingValue
  readonly unit?: 'bytes' | 'milliseconds' | 'seconds'
  /** Of a text that is a path on this machine. */
  readonly names?: 'file' | 'folder'
  /** Replaces the flag that follows from the path; null for none. */
  readonly flag?: string | null
  /** Says what is wrong with a text, a list item or either side of a pair: "must be …". */
  readonly check?: (text: string) => string | undefined
  /** The same for both sides of a pair together. */
  readonly checkPair?: (from: string, to: string) => string | undefined
  /** The same for sections as a whole. */
  readonly checkSections?: (sections: SectionMaps) => string | undefined
  /** Most characters of a text. */
  readonly maxLength?: number
  /** The items of a list or of pairs that is written as one text, where commas alone do not tell. */
  readonly split?: (text: string) => readonly string[]
}

/** One row of the table. `path` is as in the file: `backup.segment_max_bytes`. */
export interface Setting extends SettingExtras {
  readonly path: string
  readonly type: SettingType
  /** One line, for the reference and for help. */
  readonly description: string
  readonly status: SettingStatus
}

export const BOOLEAN: SettingType = { kind: 'boolean' }
export const STRING: SettingType = { kind: 'string' }
export const LIST: SettingType = { kind: 'list' }
export const PAIRS: SettingType = { kind: 'pairs' }
export const SECTIONS: SettingType = { kind: 'sections' }
export const SECRET: SettingType = { kind: 'secret' }
export const STRUCTURE: SettingType = { kind: 'structure' }
/** A number without a limit of its own. */
export const COUNT: SettingType = { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER }

export function integer(min: number, max: number): SettingType {
  return { kind: 'integer', min, max }
}

export function choice(...choices: readonly string[]): SettingType {
  return { kind: 'choice', choices }
}

/** A row that does something. */
export function effective(
  path: string,
  type: SettingType,
  description: string,
  extras: SettingExtras = {},
): Setting {
  return { path, type, description, status: { kind: 'effective' }, ...extras }
}

/** A row whose values load with a warning. The type of most is irrelevant: nothing reads the value. */
export function accepted(
  [path, type, description]: readonly [string, SettingType, string],
  because: string,
  extras: SettingExtras = {},
): Setting {
  return { path, type, description, status: { kind: 'accepted', because }, ...extras }
}

/** A row of which only the default loads. */
export function refused(
  [path, type, description]: readonly [string, SettingType, string],
  because: string,
  extras: SettingExtras & Pick<Extract<SettingStatus, { kind: 'refused' }>, 'becauseOf'> = {},
): Setting {
  const { becauseOf, ...rest } = extras
  const status: SettingStatus = {
    kind: 'refused',
    because,
    ...(becauseOf ? { becauseOf } : {}),
  }
  return { path, type, description, status, ...rest }
}
