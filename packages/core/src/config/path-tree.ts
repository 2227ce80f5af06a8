import { suggest } from '../runtime/suggestion.ts'
import type { Verb } from './setting.ts'
import { SETTING_ALIASES } from './setting-aliases.ts'
import { isUsedBy } from './setting-names.ts'
import { SETTINGS } from './settings.ts'

/** The keys that a section may hold: settings, and sections with keys of their own. */
export type PathTree = ReadonlyMap<string, PathTree | 'setting'>

type GrowingTree = Map<string, GrowingTree | 'setting'>

const TREE = buildTree([...SETTINGS, ...SETTING_ALIASES].map((row) => row.path))

/** The keys of a file. */
export function pathTree(): PathTree {
  return TREE
}

function buildTree(paths: readonly string[]): PathTree {
  const root: GrowingTree = new Map()
  for (const path of paths) {
    const names = path.split('.')
    const leaf = names.pop() ?? ''
    let section = root
    for (const name of names) {
      const next = section.get(name)
      const child: GrowingTree = next === undefined || next === 'setting' ? new Map() : next
      section.set(name, child)
      section = child
    }
    section.set(leaf, 'setting')
  }
  return root
}

/** What an unknown key was probably meant to be: a neighbour, or a setting of that name in another section. */
export function suggestPath(path: string, section: PathTree, verb: Verb): string | undefined {
  const at = path.lastIndexOf('.') + 1
  const neighbour = suggest(path.slice(at), section.keys())
  if (neighbour !== undefined) return path.slice(0, at) + neighbour
  const leaf = `.${path.slice(at)}`
  const namesakes = SETTINGS.filter((setting) => setting.path.endsWith(leaf))
  return (namesakes.find((setting) => isUsedBy(setting, verb)) ?? namesakes[0])?.path
}
