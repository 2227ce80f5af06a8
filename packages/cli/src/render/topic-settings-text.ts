import type { CapturedTopic, TopicSettingsReport, TopicsDocument } from '@kafka-backup/core'
import { renderTable } from './table.ts'
import { formatTime } from './units.ts'

const SHOWN_TOPICS_MAX = 3

/** What a run could not read or store of settings; nothing when it could. */
export function settingsReportText({
  unread,
  failure,
}: Pick<TopicSettingsReport, 'unread' | 'failure'>): string[] {
  if (failure !== null)
    return [`Settings of topics are not in the backup: ${failure}. Records are not affected.`]
  const byReason = Map.groupBy(unread, ({ reason }) => reason)
  return [...byReason].map(([reason, own]) => {
    const names = own.map(({ topic }) => topic)
    const shown = names.slice(0, SHOWN_TOPICS_MAX).join(', ')
    const more = names.length > SHOWN_TOPICS_MAX ? ` and ${names.length - SHOWN_TOPICS_MAX} more` : ''
    return `Settings not read of ${shown}${more}: ${reason}${hintOf(reason)}. Records are not affected.`
  })
}

function hintOf(reason: string): string {
  return reason === 'TOPIC_AUTHORIZATION_FAILED' ? ' (the account lacks DescribeConfigs)' : ''
}

/** The same for programs. */
export function settingsReportDocument({ topics, unread, failure }: TopicSettingsReport) {
  return { topics, unread: unread.map(({ topic, reason }) => ({ topic, reason })), failure }
}

/** What a description shows of settings: those of the newest capture, or why there are none. */
export type ShownSettings = TopicsDocument | { readonly damage: string } | null

/** Settings that stand at the topics themselves, and where nothing could be read. Lines behind the description of a backup. */
export function capturedText(captured: ShownSettings): string[] {
  if (!captured) return ['', 'Settings of topics: not captured']
  if ('damage' in captured) return ['', `Settings of topics: ${captured.damage}`]
  const overrides = captured.topics.flatMap(({ name, settings }) =>
    (settings ?? []).flatMap((own) =>
      own.source === 'topic' ? [[name, harmless(own.name), harmless(own.value ?? '(secret)')]] : [],
    ),
  )
  const table = renderTable([{ title: 'topic' }, { title: 'setting' }, { title: 'value' }], overrides)
  const none = 'Settings of topics: none of their own'
  return ['', overrides.length > 0 ? table : none, ...captured.topics.flatMap(unreadLine)]
}

/** Without characters that command a terminal: brokers check values, not what is in them. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
}

function unreadLine({ name, unread, settings, readAtMs }: CapturedTopic): string[] {
  if (unread === null) return []
  const since = readAtMs === null || !settings ? '' : `; shown as of ${formatTime(readAtMs)}`
  return [`Settings not read of ${name}: ${unread}${since}`]
}

/** All of it for programs, with where each value stands. */
export function capturedDocument(captured: ShownSettings) {
  if (!captured) return null
  if ('damage' in captured) return { damage: captured.damage, read_at: null, topics: [] }
  return {
    damage: null,
    read_at: formatTime(captured.readAtMs),
    topics: captured.topics.map((topic) => ({
      topic: topic.name,
      topic_id: topic.topicId,
      partitions: topic.partitions,
      replication_factor: topic.replicationFactor,
      settings: topic.settings?.map(({ name, value, source }) => ({ name, value, source })) ?? null,
      unread: topic.unread,
      read_at: formatTime(topic.readAtMs ?? captured.readAtMs),
    })),
  }
}
