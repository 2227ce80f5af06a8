import type { ReleasedRestore } from '@kafka-backup/core'
import { shellWord } from '@kafka-backup/core/runtime'

type Held = ReleasedRestore['heldSettings']

/** What became of a restore that was ended from outside, and what somebody has to do about its target. */
export function releaseText({ restoreId, clusterId, heldSettings }: ReleasedRestore): string {
  const ended = `Complete    restore ${restoreId} has ended: it holds nothing of the backup any more, and cannot be resumed`
  if (heldSettings.length === 0) return ended
  return [
    ended,
    `  Settings of topics in cluster ${clusterId} may still be what it made of them: a release asks no cluster. Put them back`,
    '  where the topic is still the one that was restored into, with an address of that cluster in place of HOST:PORT:',
    ...byTopic(heldSettings).flatMap(([topic, own]) => [
      ...own.map(({ name, held, original }) => {
        const value = original === null ? 'it was not set' : `it was ${original}`
        return `  ${name} of topic ${topic} is held at ${held}: ${value}`
      }),
      `    ${putBackCommand(topic, own)}`,
    ]),
  ].join('\n')
}

/** The same for programs. */
export function releaseDocument({ restoreId, clusterId, heldSettings }: ReleasedRestore) {
  return {
    kind: 'restore_release',
    version: 1,
    restore_id: restoreId,
    cluster_id: clusterId,
    held_settings: heldSettings,
    put_back: byTopic(heldSettings).map(([topic, own]) => ({ topic, command: putBackCommand(topic, own) })),
  }
}

function byTopic(held: Held): (readonly [topic: string, own: Held])[] {
  return [...Map.groupBy(held, ({ topic }) => topic)]
}

/** For Kafka's own tool: what was set gets its old value, what was not set is taken away. */
function putBackCommand(topic: string, held: Held): string {
  const added = held.flatMap(({ name, original }) =>
    original === null ? [] : [`${name}=${listed(original)}`],
  )
  const deleted = held.flatMap(({ name, original }) => (original === null ? [name] : []))
  return [
    `kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type topics --entity-name ${shellWord(topic)}`,
    ...(added.length === 0 ? [] : [`--add-config ${shellWord(added.join(','))}`]),
    ...(deleted.length === 0 ? [] : [`--delete-config ${shellWord(deleted.join(','))}`]),
  ].join(' ')
}

/** The tool parts its list at commas, but not those in brackets. */
function listed(value: string): string {
  return value.includes(',') ? `[${value}]` : value
}
