import { RE2JS } from 're2js'
import type { TopicRenaming } from '../restore/restore-request.ts'
import { expressionComplaint, isExpression } from './topic-expression.ts'

const TOPIC_NAME = /^[A-Za-z0-9._-]{1,249}$/
const STAR_PATTERN = /^[A-Za-z0-9._-]*\*[A-Za-z0-9._-]*$/
const REPLACEMENT = /^[A-Za-z0-9._$-]{1,249}$/

/** Says what is wrong with one new name, or nothing. */
export function renamingComplaint(from: string, to: string): string | undefined {
  if (isExpression(from)) {
    const complaint = expressionComplaint(from)
    if (complaint !== undefined) return complaint
    return REPLACEMENT.test(to)
      ? undefined
      : 'must give a topic name for an expression, where $1 is its first group'
  }
  if (from.includes('*')) {
    const isPair = STAR_PATTERN.test(from) && STAR_PATTERN.test(to)
    return isPair ? undefined : 'must have one * on both sides, such as orders-*=dr-orders-*'
  }
  return TOPIC_NAME.test(from) && TOPIC_NAME.test(to)
    ? undefined
    : 'must be topic names, such as orders=orders-copy'
}

/**
 * New names: exact ones first, then patterns in the order in which they were given, the first that fits. What the star stands for
 * is carried over; in the name for an expression `$1` is its first group.
 */
export function topicRenaming(entries: readonly (readonly [string, string])[]): TopicRenaming {
  const exact = new Map(entries.filter(([from]) => !isExpression(from) && !from.includes('*')))
  const rules = entries.filter(([from]) => !exact.has(from)).map(([from, to]) => ruleOf(from, to))
  return Object.freeze({
    entries,
    exact: [...exact.keys()],
    targetOf(topic: string): string {
      const named = exact.get(topic)
      if (named !== undefined) return named
      for (const rule of rules) {
        const target = rule(topic)
        if (target !== undefined) return target
      }
      return topic
    },
  })
}

function ruleOf(from: string, to: string): (topic: string) => string | undefined {
  if (isExpression(from)) {
    // Groups can be told apart only when the whole name is matched once.
    const expression = RE2JS.compile(`^(?:${from.slice(1)})$`)
    return (topic) => {
      const matcher = expression.matcher(topic)
      if (!matcher.matches()) return undefined
      return to.replace(/\$([0-9])/g, (_, group: string) => groupOf(matcher, Number(group)))
    }
  }
  const [before = '', behind = ''] = from.split('*')
  const [newBefore = '', newBehind = ''] = to.split('*')
  return (topic) => {
    const isMatch =
      topic.length >= before.length + behind.length && topic.startsWith(before) && topic.endsWith(behind)
    if (!isMatch) return undefined
    return newBefore + topic.slice(before.length, topic.length - behind.length) + newBehind
  }
}

function groupOf(
  matcher: { groupCount(): number; group(group: number): string | null },
  group: number,
): string {
  return group <= matcher.groupCount() ? (matcher.group(group) ?? '') : ''
}
