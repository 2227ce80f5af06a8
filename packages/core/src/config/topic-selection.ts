import { compileExpression, isExpression } from './topic-expression.ts'

/**
 * Which topics are meant: exact names, globs, where `*` is any text and `?` one character, and regular expressions
 * after `~` that match the whole name.
 */
export interface TopicPatterns {
  readonly include: readonly string[]
  /** Stronger than `include`. */
  readonly exclude: readonly string[]
  /** Globs and expressions also match names that begin with `__`. */
  readonly includeInternal?: boolean
}

/** What the patterns gave. */
export interface TopicMatch {
  /** In the order of `names`. */
  readonly topics: readonly string[]
  /** Exact names of `include` that do not exist: the caller's KB_TOPIC_NOT_FOUND. */
  readonly missing: readonly string[]
}

const INTERNAL_PREFIX = '__'

/**
 * Chooses among the topics that exist. An internal topic (`__consumer_offsets`, …) must be named exactly.
 * @throws KB_CONFIG_INVALID for a regular expression that is none
 */
export function matchTopics(patterns: TopicPatterns, names: readonly string[]): TopicMatch {
  const exact = new Set(patterns.include.filter(isExactName))
  const wide = patterns.include.filter((pattern) => !isExactName(pattern)).map(nameTest)
  const excluded = patterns.exclude.map(nameTest)
  const existing = new Set(names)
  const isIncluded = (name: string): boolean => {
    if (exact.has(name)) return true
    if (name.startsWith(INTERNAL_PREFIX) && patterns.includeInternal !== true) return false
    return wide.some((isMatch) => isMatch(name))
  }
  const isExcluded = (name: string): boolean => excluded.some((isMatch) => isMatch(name))
  return {
    topics: names.filter((name) => isIncluded(name) && !isExcluded(name)),
    missing: [...exact].filter((name) => !existing.has(name)),
  }
}

/** False for a glob and an expression. */
export function isExactName(pattern: string): boolean {
  return !isExpression(pattern) && !pattern.includes('*') && !pattern.includes('?')
}

function nameTest(pattern: string): (name: string) => boolean {
  return isExpression(pattern) ? compileExpression(pattern) : (name) => matchesGlob(pattern, name)
}

/**
 * Whether `glob` is all of `name`. Only the last `*` is ever tried again, since an earlier one could not do better: for
 * a given glob the time is linear in the name, where a regular expression can take exponential time.
 */
export function matchesGlob(glob: string, name: string): boolean {
  let globAt = 0
  let nameAt = 0
  let starAt = -1
  let resumeAt = 0
  while (nameAt < name.length) {
    const wanted = glob[globAt]
    if (wanted === '*') {
      starAt = globAt++
      resumeAt = nameAt
    } else if (wanted === '?' || wanted === name[nameAt]) {
      globAt++
      nameAt++
    } else if (starAt >= 0) {
      globAt = starAt + 1
      nameAt = ++resumeAt
    } else {
      return false
    }
  }
  while (glob[globAt] === '*') globAt++
  return globAt === glob.length
}
