import { RE2JS } from 're2js'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { topicNameRule } from './text-rules.ts'
import { expressionComplaint, isExpression } from './topic-expression.ts'
import { splitTopicPatterns } from './topic-pattern-list.ts'

const GLOB_SIDE = /^[A-Za-z0-9._-]*\*[A-Za-z0-9._-]*$/
const REPLACEMENT = /^(?:[A-Za-z0-9._-]|\$[1-9])+$/
const GROUP = /\$([1-9])/g

/** Says what a rule of names must be, or nothing. Three kinds: `old=new`, `old-*=new-*` and `~expression=replacement with $1`. */
export function topicMappingComplaint(from: string, to: string): string | undefined {
  if (isExpression(from)) return expressionComplaint(from) ?? replacementComplaint(from, to)
  if (!from.includes('*')) return topicNameRule(from) ?? topicNameRule(to)
  const isPattern = GLOB_SIDE.test(from) && (GLOB_SIDE.test(to) || topicNameRule(to) === undefined)
  return isPattern
    ? undefined
    : 'must have one * on the left and at most one on the right, as in orders-*=copy-*'
}

function replacementComplaint(from: string, to: string): string | undefined {
  if (!REPLACEMENT.test(to)) return 'must replace by topic names, with $1 for the first group'
  const groups = RE2JS.compile(from.slice(1)).groupCount()
  const unknown = [...to.matchAll(GROUP)].find(([, number]) => Number(number) > groups)
  return unknown ? `must replace by groups that there are; ${unknown[0]} is none` : undefined
}

/**
 * Rules of new names as `--topic-mapping` of a restore takes them. @throws KB_USAGE for what is none
 */
export function topicMappingOf(texts: readonly string[]): ReadonlyMap<string, string> {
  const rules = new Map<string, string>()
  for (const text of texts.flatMap((own) => splitTopicPatterns(own))) {
    const at = text.indexOf('=')
    const [from, to] = [text.slice(0, Math.max(at, 0)).trim(), text.slice(at + 1).trim()]
    const isTwice = rules.has(from)
    const complaint =
      at < 0 ? 'must be old=new' : isTwice ? `must name ${from} once` : topicMappingComplaint(from, to)
    if (complaint !== undefined)
      throw new KafkaBackupError('KB_USAGE', `--topic-mapping "${text}": ${complaint}`)
    rules.set(from, to)
  }
  return rules
}

/**
 * New names by old ones. An exact rule is stronger than a pattern; of several patterns the first that fits counts. Names in exact rules
 * are not looked for here.
 * @throws KB_TOPIC_NOT_FOUND for a pattern that fits none of `topics`, KB_USAGE when a new name cannot be one
 */
export function mappedTopics(
  rules: ReadonlyMap<string, string>,
  topics: readonly string[],
): ReadonlyMap<string, string> {
  const isPattern = ([from]: readonly [string, string]) => isExpression(from) || from.includes('*')
  const patterns = [...rules].filter(isPattern).map(([from, to]) => ({ from, rename: renamer(from, to) }))
  const mapped = new Map([...rules].filter((rule) => !isPattern(rule)))
  for (const { from, rename } of patterns) {
    const fits = topics.filter((topic) => rename(topic) !== undefined)
    if (fits.length === 0) {
      throw new KafkaBackupError('KB_TOPIC_NOT_FOUND', `no chosen topic fits the new name of ${from}`)
    }
    for (const topic of fits)
      if (!mapped.has(topic)) mapped.set(topic, checkedName(topic, rename(topic) ?? ''))
  }
  return mapped
}

function checkedName(topic: string, name: string): string {
  if (topicNameRule(name) === undefined) return name
  throw new KafkaBackupError('KB_USAGE', `${topic} would be called "${name}", which is no topic name`, {
    context: { topic },
  })
}

function renamer(from: string, to: string): (topic: string) => string | undefined {
  if (isExpression(from)) return expressionRenamer(from.slice(1), to)
  const [prefix = '', suffix = ''] = from.split('*')
  return (topic) => {
    const isFit =
      topic.length >= prefix.length + suffix.length && topic.startsWith(prefix) && topic.endsWith(suffix)
    if (!isFit) return
    return to.replace('*', () => topic.slice(prefix.length, topic.length - suffix.length))
  }
}

function expressionRenamer(source: string, to: string): (topic: string) => string | undefined {
  const expression = RE2JS.compile(source)
  return (topic) => {
    const matcher = expression.matcher(topic)
    if (!matcher.matches()) return
    return to.replaceAll(GROUP, (_, number) => matcher.group(Number(number)) ?? '')
  }
}
