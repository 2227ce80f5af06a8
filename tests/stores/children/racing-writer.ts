// For each line that it reads: appends a commit to a backup, and answers what came of it: racing-writer.ts LOCATION BACKUP NUMBER
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isKafkaBackupError } from '../../../packages/core/src/errors/kafka-backup-error.ts'
import { openParts } from '../../../packages/core/src/plugin/open-parts.ts'
import { Registry } from '../../../packages/core/src/plugin/registry.ts'
import { appendCommit } from '../../../packages/core/src/repository/commit-log.ts'
import { openBackup } from '../../../packages/core/src/repository/open-backup.ts'
import { Secret } from '../../../packages/core/src/runtime/secret.ts'
import { openResilient } from '../../../packages/core/src/storage/resilience.ts'
import { draft } from '../../../packages/core/test/verify/archive-writer.ts'

/** What became of one round. */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly number: string; readonly runId: string }
  | { readonly kind: 'conflict' }

// Two writers share each partition: they conflict, and all the others only meet at the number of the commit.
const PARTITIONS = 4

const [location = '', backupId = '', name = ''] = process.argv.slice(2)
// Azure has no variable of its own for a key.
const key = process.env.RACE_ACCOUNT_KEY
const credentials = new Map(key === undefined ? [] : [['account_key', new Secret(key)] as const])
// With all that a run has in front of its store: a commit that appears between a refused download and the question whether there is one
// looks like the answer of a stranger, and is asked for again.
const { storages } = new Registry().use(openParts).freeze()
const { storage } = openResilient(location, storages, credentials)
const partition = Number(name) % PARTITIONS
let state = await openBackup(storage, backupId)
writeSync(1, 'ready\n')

for await (const round of createInterface(process.stdin)) {
  const outcome = await append(`writer-${name}-${round}`)
  if (outcome.kind === 'conflict') state = await openBackup(storage, backupId)
  writeSync(1, `${JSON.stringify(outcome)}\n`)
}
await storage.close()

async function append(runId: string): Promise<CommitOutcome> {
  const firstOffset = state.partition('orders', partition)?.nextOffset ?? 0n
  const endOffset = firstOffset + 1n
  const gap = {
    topic: 'orders',
    partition,
    lineage: 1,
    firstOffset,
    endOffset,
    reason: 'missing_in_log',
  } as const
  try {
    const { number } = await appendCommit(storage, state, draft(runId, 'running', { gaps: [gap] }))
    return { kind: 'committed', number: String(number), runId }
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_COMMIT_CONFLICT')) throw error
    return { kind: 'conflict' }
  }
}
