import { Secret } from '../runtime/secret.ts'
import { shownText } from './problems.ts'
import { FOR_ALL } from './section-maps.ts'
import type { Setting, SettingType, SettingValue } from './setting.ts'
import type { WrittenPairs, WrittenText, WrittenValue } from './written-value.ts'

/** A checked value, or what is wrong: "must be 1 to 22, not 40". */
export type ReadValue =
  | { readonly value: SettingValue; readonly complaint?: undefined }
  | { readonly complaint: string; readonly line?: number | undefined }

const DIGITS = /^[+-]?[0-9]{1,20}$/

/** Turns what was written into what the setting holds. */
export function readValue(setting: Setting, written: WrittenValue): ReadValue {
  switch (setting.type.kind) {
    case 'list':
      return readList(setting, written)
    case 'pairs':
      return readPairs(setting, written)
    case 'sections':
      return readSections(setting, written)
    case 'structure':
      return { value: 'structure' }
    default:
      break
  }
  if (written.kind !== 'text') {
    return { complaint: `must be one value, not a ${written.kind === 'list' ? 'list' : 'section'}` }
  }
  const complaint = setting.check?.(written.value.text)
  if (complaint !== undefined) return complain(complaint, written.value)
  if (setting.maxLength !== undefined && written.value.text.length > setting.maxLength) {
    return complain(`must have at most ${setting.maxLength} characters`, written.value)
  }
  return readText(setting.type, written.value, setting.unit)
}

function readText(type: SettingType, written: WrittenText, unit: string | undefined): ReadValue {
  const { text } = written
  switch (type.kind) {
    case 'integer': {
      const number = DIGITS.test(text) ? Number(text) : Number.NaN
      if (number >= type.min && number <= type.max) return { value: number }
      const whole = Number.isNaN(number) ? 'a whole number from ' : ''
      return complain(`must be ${whole}${rangeText(type)}${unit === undefined ? '' : ` ${unit}`}`, written)
    }
    case 'boolean':
      if (/^(?:true|false)$/i.test(text)) return { value: text.toLowerCase() === 'true' }
      return complain('must be true or false', written)
    case 'choice':
      if (type.choices.includes(text)) return { value: text }
      return complain(`must be ${listed(type.choices)}`, written)
    case 'secret':
      return { value: new Secret(text) }
    default:
      return { value: text }
  }
}

function readList(setting: Setting, written: WrittenValue): ReadValue {
  if (written.kind !== 'text' && written.kind !== 'list') return { complaint: 'must be a list' }
  const texts = written.kind === 'text' ? [written.value] : written.items
  const items = texts.flatMap((text) => splitText(text, setting.split ?? splitAtCommas))
  const bad = firstComplaint(setting, items)
  return bad ?? { value: Object.freeze(items.map((item) => item.text)) }
}

function readPairs(setting: Setting, written: WrittenValue): ReadValue {
  const pairs =
    written.kind === 'pairs'
      ? written.pairs
      : written.kind === 'text'
        ? pairsOf(setting, written.value)
        : undefined
  if (!pairs) return { complaint: 'must be names and their new names, such as old=new' }
  const names = pairs.map(([name, text]) => ({ ...text, text: name, shown: name }))
  const bad = firstComplaint(setting, [...names, ...pairs.map(([, text]) => text)])
  if (bad) return bad
  return mapOf(pairs, setting.checkPair)
}

function readSections(setting: Setting, written: WrittenValue): ReadValue {
  const flat = written.kind === 'text' ? pairsOf(setting, written.value) : undefined
  const pairs = written.kind === 'pairs' || written.kind === 'sections' ? written.pairs : flat
  if (!pairs) return { complaint: 'must be a section, or names and values such as name=value' }
  const named = written.kind === 'sections' ? written.sections : []
  const value = new Map<string, ReadonlyMap<string, string>>()
  for (const [name, own] of pairs.length === 0 ? named : [[FOR_ALL, pairs] as const, ...named]) {
    const read = mapOf(own)
    if (read.complaint !== undefined) return read
    value.set(name, read.value as ReadonlyMap<string, string>)
  }
  const complaint = setting.checkSections?.(value)
  return complaint === undefined ? { value } : { complaint }
}

function mapOf(pairs: WrittenPairs, check?: (from: string, to: string) => string | undefined): ReadValue {
  const value = new Map<string, string>()
  for (const [from, written] of pairs) {
    const { text: to, line } = written
    if (value.has(from)) return { complaint: `must name ${from} once`, line }
    const complaint = check?.(from, to)
    if (complaint !== undefined) {
      // An item of a text is shown as a whole already; so is what comes from a variable.
      return complain(complaint, written.shown === to ? { ...written, shown: `${from}=${to}` } : written)
    }
    value.set(from, to)
  }
  return { value }
}

function pairsOf(setting: Setting, written: WrittenText): WrittenPairs | undefined {
  const pairs = splitText(written, setting.split ?? splitAtCommas).map((item) => {
    const at = item.text.indexOf('=')
    return at < 0
      ? undefined
      : ([item.text.slice(0, at).trim(), { ...item, text: item.text.slice(at + 1).trim() }] as const)
  })
  return pairs.every((pair) => pair !== undefined) ? pairs : undefined
}

function splitAtCommas(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim())
}

function splitText(written: WrittenText, split: (text: string) => readonly string[]): readonly WrittenText[] {
  // A variable's value is not shown, not even in parts.
  const isSecretive = written.shown !== written.text
  return split(written.text)
    .filter((part) => part !== '')
    .map((part) => ({ ...written, text: part, shown: isSecretive ? written.shown : part }))
}

function firstComplaint(setting: Setting, items: readonly WrittenText[]): ReadValue | undefined {
  for (const item of items) {
    const complaint = setting.check?.(item.text)
    if (complaint !== undefined) return complain(complaint, item)
  }
  return undefined
}

function complain(complaint: string, { shown, line }: WrittenText): ReadValue {
  return { complaint: `${complaint}, not ${shownText(shown)}`, line }
}

function rangeText({ min, max }: { min: number; max: number }): string {
  return max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`
}

/** `zstd, lz4 or none` */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
