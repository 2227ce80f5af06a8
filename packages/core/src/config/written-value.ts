/** A scalar as somebody wrote it. `shown` is what messages may repeat: for `${NAME}` not the value of the variable. */
export interface WrittenText {
  readonly text: string
  readonly shown: string
  readonly line?: number
}

/** The shape of a value, before its setting says what it must be. */
export type WrittenValue =
  | { readonly kind: 'text'; readonly value: WrittenText }
  | { readonly kind: 'list'; readonly items: readonly WrittenText[] }
  | { readonly kind: 'pairs'; readonly pairs: readonly (readonly [string, WrittenText])[] }
  /** Names to pairs; what stands beside them alone is in `pairs`. */
  | {
      readonly kind: 'sections'
      readonly pairs: WrittenPairs
      readonly sections: readonly (readonly [string, WrittenPairs])[]
    }
  | { readonly kind: 'structure' }

export type WrittenPairs = readonly (readonly [string, WrittenText])[]

export function writtenText(text: string): WrittenText {
  return { text, shown: text }
}

/** The same value with each of its texts replaced. */
export function mapTexts(written: WrittenValue, change: (text: WrittenText) => WrittenText): WrittenValue {
  const changed = (pairs: WrittenPairs) => pairs.map(([name, text]) => [name, change(text)] as const)
  switch (written.kind) {
    case 'text':
      return { kind: 'text', value: change(written.value) }
    case 'list':
      return { kind: 'list', items: written.items.map(change) }
    case 'pairs':
      return { kind: 'pairs', pairs: changed(written.pairs) }
    case 'sections':
      return {
        kind: 'sections',
        pairs: changed(written.pairs),
        sections: written.sections.map(([name, pairs]) => [name, changed(pairs)] as const),
      }
    case 'structure':
      return written
  }
}
