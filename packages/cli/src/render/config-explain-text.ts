import type { EffectiveSetting } from '@kafka-backup/core'
import { withoutPastedSecrets } from '@kafka-backup/core/errors'
import { quotedText } from './shown-name.ts'
import { renderTable } from './table.ts'

type Shown = string | number | boolean | null | readonly Shown[] | { readonly [name: string]: Shown }

const SECRET = '[secret]'

/** The settings for programs. */
export function configExplainDocument(verb: string, settings: readonly EffectiveSetting[]) {
  return {
    kind: 'config_explanation',
    version: 1,
    verb,
    settings: settings.map(({ setting, value, from, where }) => ({
      key: setting.path,
      value: setting.type.kind === 'secret' ? secretOf(value) : shownValue(value),
      from,
      where: where ?? null,
    })),
  }
}

/** The settings for people: what nobody gave and has no default is a dash. */
export function configExplainText(settings: readonly EffectiveSetting[]): string {
  if (settings.length === 0) return 'No setting was given: all are those of the defaults.'
  const rows = settings.map(({ setting, value, from, where }) => [
    setting.path,
    cell(setting.type.kind === 'secret' ? secretOf(value) : shownValue(value)),
    where ?? from,
  ])
  return renderTable([{ title: 'setting' }, { title: 'value' }, { title: 'from' }], rows)
}

function secretOf(value: EffectiveSetting['value']): string | null {
  return value === undefined ? null : SECRET
}

/** A password in the place of a name is still a password. */
function shownValue(value: unknown): Shown {
  if (typeof value === 'string') return withoutPastedSecrets(value)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map(shownValue)
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, inner]) => [String(name), shownValue(inner)]))
  return null
}

function cell(value: Shown): string {
  if (value === null) return '-'
  if (typeof value === 'string')
    return value === '-' || value === '' ? quotedText(value) : quotedText(value).slice(1, -1)
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(cell).join(', ')
  if (typeof value === 'object') {
    const pairs = Object.entries(value).map(([name, inner]) => {
      const isSection = typeof inner === 'object' && inner !== null
      return `${quotedText(name).slice(1, -1)}${isSection ? `: {${cell(inner)}}` : `=${cell(inner)}`}`
    })
    return pairs.length === 0 ? 'none' : pairs.join(', ')
  }
  return String(value)
}
