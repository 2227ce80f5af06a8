import type { RestoreRequest } from '../../src/restore/restore-request.ts'

/** A restore of one topic under another name. */
export const REQUEST: RestoreRequest = {
  backupId: 'daily',
  includeTopics: ['orders'],
  excludeTopics: [],
  asOfCommit: null,
  from: null,
  to: null,
  offsetRanges: [],
  partitions: [],
  topicMapping: new Map([['orders', 'copy']]),
  partitionMapping: new Map(),
  allowManyToOne: false,
  repartitioning: new Map(),
  includeOriginalOffsetHeader: false,
  stripOffsetHeaders: false,
  sourceClusterId: null,
  keepOffsets: false,
  topicConfigOverrides: new Map(),
  restoreTopicConfigs: true,
  existingTopicConfigPolicy: 'keep',
}
