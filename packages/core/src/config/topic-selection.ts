/** Which topics are meant: exact names and globs, where `*` is any text and `?` one character. */
export interface TopicPatterns {
  readonly include: readonly string[]
  /** Stronger than `include`. */
  readonly exclude: readonly string[]
  /** Globs also match names that begin with `__`. */
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

/** Chooses among the topics that exist. An internal topic (`__consumer_offsets`, …) must be named exactly. */
export function matchTopics(patterns: TopicPatterns, names: readonly string[]): TopicMatch {
  const exact = new Set(patterns.include.filter((pattern) => !isGlob(pattern)))
  const globs = patterns.include.filter(isGlob)
  const existing = new Set(names)
  const isIncluded = (name: string): boolean => {
    if (exact.has(name)) return true
    if (name.startsWith(INTERNAL_PREFIX) && patterns.includeInternal !== true) return false
    return globs.some((glob) => matchesGlob(glob, name))
  }
  const isExcluded = (name: string): boolean => patterns.exclude.some((glob) => matchesGlob(glob, name))
  return {
    topics: names.filter((name) => isIncluded(name) && !isExcluded(name)),
    missing: [...exact].filter((name) => !existing.has(name)),
  }
}

/** False for an exact name. */
export function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?')
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
