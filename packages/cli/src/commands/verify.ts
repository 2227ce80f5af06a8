import type {
  Cluster,
  LedgerState,
  RestoreRequest,
  SourceVerdict,
  StorageBackend,
  Verdict,
} from '@kafka-backup/core'
import { requireBackupId, requireCluster, restoreRequestOf } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { openExistingBackup, readLedgers } from '@kafka-backup/core/repository'
import {
  isIncomplete,
  planOfLedger,
  planRestore,
  requestOfDocument,
  verifyRestore,
  verifySource,
  worstVerdict,
} from '@kafka-backup/core/restore'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { openConfiguredCluster } from '../open-configured-cluster.ts'
import { openStorage } from '../open-storage.ts'
import { CLIENT_ID } from '../program-name.ts'
import {
  restoreVerificationDocument,
  restoreVerificationText,
  sourceVerificationDocument,
  sourceVerificationText,
} from '../render/verification-text.ts'
import { restoreSelectorOf } from '../restore-selector.ts'

const EXIT_CODE: Readonly<Record<Verdict, number>> = { equal: 0, incomplete: 3, differs: 4 }

/** What `kafka-backup verify` does. */
export const verifyCommand: Command = {
  async run(context) {
    const { againstCluster, source, restore } = context.options
    if (againstCluster !== true) {
      throw new KafkaBackupError('KB_USAGE', 'say what the archive is compared with: --against-cluster', {
        hint: 'To check the archive against its own digests: kafka-backup validate --deep',
      })
    }
    if (source === true && restore !== undefined) {
      throw new KafkaBackupError('KB_USAGE', '--source and --restore are two different comparisons')
    }
    const storage = openStorage(context)
    try {
      return await compare(context, storage)
    } finally {
      await storage.close()
    }
  },
}

async function compare(context: CommandContext, storage: StorageBackend): Promise<CommandResult> {
  const target = requireCluster(context.loaded.config, 'target')
  const cluster = openConfiguredCluster(target)
  try {
    const { clusterId } = await cluster.describe([])
    const compared = { storage, cluster, clusterId }
    const chosen = context.options.source === true ? null : await chosenLedger(context, compared)
    return chosen
      ? await compareWithRestore(context, compared, chosen)
      : await compareWithSource(context, compared)
  } finally {
    await cluster.close()
  }
}

interface Compared {
  readonly storage: StorageBackend
  readonly cluster: Cluster
  readonly clusterId: string
}

function readingOptions(context: CommandContext, { storage, cluster }: Compared) {
  const { loaded, registry, clock, signal, observe } = context
  const { security } = requireCluster(loaded.config, 'target')
  return {
    storage,
    backupId: requireBackupId(loaded.config),
    transforms: registry.transformsById(),
    cluster,
    clientId: CLIENT_ID,
    ...(security ? { security } : {}),
    clock,
    signal,
    observe,
  }
}

async function compareWithRestore(
  context: CommandContext,
  compared: Compared,
  { ledger, others }: ChosenLedger,
): Promise<CommandResult> {
  const { clock, signal } = context
  const request = requestOfDocument(ledger.opened.request)
  const asked = restoreRequestOf(context.loaded.config)
  assertWhole(asked, request, ledger.restoreId)
  assertItsCommit(asked, ledger)
  // What the restore was asked for, against the backup as it was then.
  const plan = await planOfLedger(compared.storage, ledger, restoreSelectorOf(request), signal)
  context.say(`Comparing the archive with restore ${ledger.restoreId} in cluster ${compared.clusterId}`)
  const beganMs = clock.monotonicMs()
  const verdicts = await verifyRestore({
    ...readingOptions(context, compared),
    plan,
    ledger,
    isWritten: ledger.finished !== null,
  })
  const worst = worstVerdict(verdicts)
  const outcome = worst === 'equal' && isIncomplete(plan) ? 'incomplete' : worst
  const durationMs = clock.monotonicMs() - beganMs
  const verification = { ledger, others, outcome, verdicts, gaps: plan.gaps, durationMs }
  return {
    document: restoreVerificationDocument(verification),
    text: restoreVerificationText(verification),
    exitCode: EXIT_CODE[outcome],
  }
}

async function compareWithSource(context: CommandContext, compared: Compared): Promise<CommandResult> {
  const { loaded, clock, signal } = context
  const request = restoreRequestOf(loaded.config)
  assertComparable(request)
  const state = await openExistingBackup(compared.storage, request.backupId, {
    signal,
    asOfCommit: request.asOfCommit ?? undefined,
  })
  const { clusterId } = compared
  const sourceId = state.source?.clusterId
  if (sourceId !== clusterId) {
    const message = `backup ${request.backupId} was taken from cluster ${sourceId}, this is ${clusterId}`
    throw new KafkaBackupError('KB_WRONG_CLUSTER', message, {
      hint: 'Give the bootstrap servers of the source.',
    })
  }
  const plan = planRestore(state, restoreSelectorOf(request)(state, null))
  context.say(`Comparing the archive (commit ${plan.commit}) with its source, cluster ${clusterId}`)
  const beganMs = clock.monotonicMs()
  const verdicts = await verifySource({ ...readingOptions(context, compared), state, plan })
  const worst = worstVerdict(verdicts)
  const outcome = worst === 'equal' && isNothing(verdicts) ? 'incomplete' : worst
  const verification = { plan, clusterId, outcome, verdicts, durationMs: clock.monotonicMs() - beganMs }
  return {
    document: sourceVerificationDocument(verification),
    text: sourceVerificationText(verification),
    exitCode: EXIT_CODE[outcome],
  }
}

/** Equal would be too large a word where no record was compared. */
function isNothing(verdicts: readonly SourceVerdict[]): boolean {
  return verdicts.every(({ records }) => records === 0)
}

/** What is asked for where nobody chooses topics. */
const ALL_TOPICS = '*'

/** A restore is compared as a whole: a choice of topics that is not its own must not look as if it had been heard. */
function assertWhole(asked: RestoreRequest, restored: RestoreRequest, restoreId: string): void {
  const isOther = (['includeTopics', 'excludeTopics', 'partitions'] as const).some((name) => {
    const own = asked[name].join()
    return own !== '' && own !== ALL_TOPICS && own !== restored[name].join()
  })
  if (!isOther) return
  throw new KafkaBackupError(
    'KB_USAGE',
    `restore ${restoreId} had another choice, and is compared as a whole`,
    {
      hint: 'Leave topics and partitions out; offset-map --list shows the restores, --restore takes one of them.',
    },
  )
}

/** So is a commit that is not the one that was restored. */
function assertItsCommit({ asOfCommit }: RestoreRequest, { restoreId, opened }: LedgerState): void {
  if (asOfCommit === null || asOfCommit === opened.commit) return
  throw new KafkaBackupError(
    'KB_USAGE',
    `restore ${restoreId} is one of commit ${opened.commit}, and cannot be compared with commit ${asOfCommit}`,
    {
      hint: 'Leave --as-of-commit out; offset-map --list shows the restores, --restore takes one of them.',
    },
  )
}

/** A choice that would be passed over must not look as if it had been heard. */
function assertComparable(request: RestoreRequest): void {
  const isChosen = request.from !== null || request.to !== null || request.offsetRanges.length > 0
  const isMapped =
    request.topicMapping.size > 0 || request.partitionMapping.size > 0 || request.repartitioning.size > 0
  if (!isChosen && !isMapped) return
  const what = isChosen ? 'times and offsets' : 'other names and numbers of partitions'
  throw new KafkaBackupError(
    'KB_USAGE',
    `a comparison with the source takes topics, partitions and --as-of-commit; ${what} are for restores`,
  )
}

interface ChosenLedger {
  readonly ledger: LedgerState
  /** Finished restores into the same cluster that could have been meant too; 0 when one was named. */
  readonly others: number
}

/** null: the backup was never restored into this cluster, and it is its source. */
async function chosenLedger(
  context: CommandContext,
  { storage, clusterId }: Compared,
): Promise<ChosenLedger | null> {
  const backupId = requireBackupId(context.loaded.config)
  const { signal, options } = context
  const own = (await readLedgers(storage, backupId, signal)).filter(
    ({ opened }) => opened.clusterId === clusterId,
  )
  // An unfinished one can be named, but is not chosen by itself: what it lacks is no difference.
  const ledger =
    options.restore === undefined
      ? own.findLast(({ finished }) => finished !== null)
      : own.find(({ restoreId }) => restoreId === options.restore)
  const finished = own.filter((entry) => entry.finished !== null).length
  if (ledger) return { ledger, others: options.restore === undefined ? finished - 1 : 0 }
  if (options.restore === undefined && own.length === 0) {
    const state = await openExistingBackup(storage, backupId, { signal })
    if (state.source?.clusterId === clusterId) return null
  }
  const what =
    options.restore === undefined ? 'has no finished restore' : `knows no restore ${options.restore}`
  throw new KafkaBackupError('KB_RESTORE_NOT_FOUND', `backup ${backupId} ${what} into cluster ${clusterId}`)
}
