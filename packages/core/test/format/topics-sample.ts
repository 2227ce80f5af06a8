import type { CapturedTopic, TopicsDocument } from '../../src/format/topics-document.ts'

export function capturedTopic(name: string, own: Partial<CapturedTopic> = {}): CapturedTopic {
  return {
    name,
    topicId: null,
    partitions: 1,
    replicationFactor: 1,
    settings: [],
    unread: null,
    readAtMs: null,
    ...own,
  }
}

/** Everything that a document of topics may hold. */
export const TOPICS_SAMPLE: TopicsDocument = {
  backupId: 'daily',
  writer: '9f2c11ab',
  readAtMs: 1_700_000_000_000n,
  clusterId: 'cluster-1',
  topics: [
    capturedTopic('audit', {
      topicId: 'Vj2aaaaaaaaaaaaaaaaaQQ',
      partitions: 12,
      replicationFactor: 3,
      settings: [
        { name: 'cleanup.policy', value: 'compact', source: 'topic' },
        { name: 'min.insync.replicas', value: '2', source: 'cluster' },
        { name: 'retention.ms', value: '-1', source: 'topic' },
        { name: 'secret.of.vendor', value: null, source: 'broker' },
        { name: 'segment.bytes', value: '1073741824', source: 'static' },
      ],
    }),
    capturedTopic('denied', { settings: null, unread: 'TOPIC_AUTHORIZATION_FAILED' }),
    capturedTopic('gone', { unread: 'UNKNOWN_TOPIC_OR_PARTITION', readAtMs: 1_600_000_000_000n }),
  ],
}
