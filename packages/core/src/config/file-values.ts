import { isAlias, isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml'
import { type ConfigFile, keyText } from './config-file.ts'
import { type PathTree, pathTree, suggestPath } from './path-tree.ts'
import { type ProblemList, placeInFile, shownText } from './problems.ts'
import type { Verb } from './setting.ts'
import { meaningOf, SETTING_ALIASES, type SettingAlias } from './setting-aliases.ts'
import { findSetting } from './settings.ts'
import { mapTexts, type WrittenPairs, type WrittenText, type WrittenValue } from './written-value.ts'

/** What a file says about one setting. */
export interface FileValue {
  /** The key as it stands in the file; another one than the setting's if it is an alias. */
  readonly path: string
  readonly written: WrittenValue
  readonly line: number
}

const ALIAS_BY_PATH: ReadonlyMap<string, SettingAlias> = new Map(
  SETTING_ALIASES.map((alias) => [alias.path, alias]),
)

// More than an error shows; a file of nothing but unknown keys shall not take a minute.
const SUGGESTIONS_MAX = 100

/** Finds the settings of a file by the paths of the table. What is unknown becomes a problem or a warning. */
export class FileValues {
  readonly values = new Map<string, FileValue>()
  readonly warnings: string[] = []
  readonly #yaml: ConfigFile
  readonly #file: string
  readonly #verb: Verb
  readonly #problems: ProblemList
  #unknownCount = 0

  constructor(yaml: ConfigFile, context: { file: string; verb: Verb; problems: ProblemList }) {
    this.#yaml = yaml
    this.#file = context.file
    this.#verb = context.verb
    this.#problems = context.problems
    const root = yaml.document.contents
    if (isMap(root)) this.#readSection(root, pathTree(), '')
    else if (!isNothing(root)) this.#invalid('the file must hold settings, such as backup_id: daily', root)
  }

  #readSection(section: YAMLMap, tree: PathTree, prefix: string): void {
    for (const pair of section.items) {
      const name = keyText(pair.key)
      const path = prefix + name
      const child = tree.get(name)
      if (child === 'setting') this.#readSetting(pair, path)
      else if (child) this.#readChild(pair, child, path)
      else this.#readUnknown(pair, path, tree)
    }
  }

  #readChild(pair: Pair, tree: PathTree, path: string): void {
    const value = this.#resolved(pair.value)
    if (isMap(value)) this.#readSection(value, tree, `${path}.`)
    else if (!isNothing(value)) this.#invalid(`${path} must be a section with settings in it`, pair.key)
  }

  #readUnknown({ key }: Pair, path: string, tree: PathTree): void {
    const line = this.#yaml.lineOf(key)
    const shown = shownText(path)
    const name = keyText(key)
    if (name === '__proto__') {
      this.#invalid(`${shown} cannot be a key`, key)
      return
    }
    this.#unknownCount++
    const isAsked = this.#unknownCount <= SUGGESTIONS_MAX
    const question = isAsked ? suggestionFor(path, name, tree, this.#verb) : ''
    // Dots do not nest: `backup.compression: lz4` at the top must not pass for a section of somebody else.
    const isOtherSection = name === path && !(tree.get(name.split('.', 1)[0] ?? '') && name.includes('.'))
    if (isOtherSection) {
      const place = placeInFile(this.#file, line)
      this.warnings.push(`${place}: the section ${shown} is not known and is ignored.${question}`)
    } else {
      const message = `${shown} is not a setting.${question}`
      this.#problems.add({ code: 'KB_CONFIG_UNKNOWN_KEY', message, line, key: shown })
    }
  }

  #readSetting(pair: Pair, path: string): void {
    const node = this.#resolved(pair.value)
    if (isNothing(node)) return
    const line = this.#yaml.lineOf(pair.key)
    const alias = ALIAS_BY_PATH.get(path)
    const target = alias ? meaningOf(alias, this.#verb) : path
    const written = this.#writtenAs(node)
    const earlier = this.values.get(target)
    if (earlier) {
      this.#invalid(`${path} says the same as ${earlier.path} in line ${earlier.line}; keep one`, pair.key)
    }
    this.values.set(target, { path, line, written: alias ? this.#translated(written, alias, line) : written })
  }

  #translated(written: WrittenValue, alias: SettingAlias, line: number): WrittenValue {
    return mapTexts(written, (value) => {
      const complaint = alias.check?.(value.text)
      if (complaint !== undefined) {
        const message = `${alias.path} ${complaint}, not ${shownText(value.shown)}`
        this.#problems.add({
          code: 'KB_CONFIG_INVALID',
          message,
          line: value.line ?? line,
          key: alias.path,
        })
      }
      return { ...value, text: alias.translate?.(value.text) ?? value.text }
    })
  }

  #writtenAs(node: unknown): WrittenValue {
    if (isScalar(node)) return { kind: 'text', value: this.#text(node) }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#resolved(item))
      if (items.every((item) => isScalar(item))) {
        return { kind: 'list', items: items.map((item) => this.#text(item)) }
      }
    }
    if (isMap(node)) {
      const pairs = node.items.map((pair) => [keyText(pair.key), this.#resolved(pair.value)] as const)
      if (pairs.every(([, value]) => value === null || isScalar(value))) {
        return { kind: 'pairs', pairs: pairs.map(([name, value]) => [name, this.#text(value)] as const) }
      }
    }
    return isMap(node) ? this.#sections(node) : { kind: 'structure' }
  }

  #sections(map: YAMLMap): WrittenValue {
    const pairs: (readonly [string, WrittenText])[] = []
    const sections: (readonly [string, WrittenPairs])[] = []
    for (const { key, value } of map.items) {
      const written = this.#isDeep(value) ? undefined : this.#writtenAs(this.#resolved(value))
      if (written?.kind === 'text') pairs.push([keyText(key), written.value])
      else if (written?.kind === 'pairs') sections.push([keyText(key), written.pairs])
      else return { kind: 'structure' }
    }
    return { kind: 'sections', pairs, sections }
  }

  /** Nothing that is known has a section in a section; a file may nest them without end. */
  #isDeep(value: unknown): boolean {
    const node = this.#resolved(value)
    return isMap(node) && node.items.some((pair) => !isScalar(this.#resolved(pair.value)))
  }

  /** Scalars keep the text they were written as: a backup id `1e5` is no number, whatever YAML thinks. */
  #text(node: unknown): WrittenText {
    if (!isScalar(node) || node.value === null) return { text: '', shown: '' }
    const text = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
    return { text, shown: text, line: this.#yaml.lineOf(node) }
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#yaml.document) : node
  }

  #invalid(message: string, node: unknown): void {
    this.#problems.add({ code: 'KB_CONFIG_INVALID', message, line: this.#yaml.lineOf(node) })
  }
}

function suggestionFor(path: string, name: string, tree: PathTree, verb: Verb): string {
  if (name.includes('.') && findSetting(path)) {
    const at = path.lastIndexOf('.')
    return ` Write ${path.slice(at + 1)} inside the section ${path.slice(0, at)}.`
  }
  const better = suggestPath(path, tree, verb)
  return better === undefined ? '' : ` Did you mean ${better}?`
}

function isNothing(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null)
}
