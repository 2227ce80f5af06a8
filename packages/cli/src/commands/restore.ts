import type {
  Cluster,
  ClusterSettings,
  LedgerState,
  PreparedRestore,
  ResilientStorage,
  RestoreLedger,
  StorageBackend,
} from '@kafka-backup/core'
import { requireBackupId, requireCluster, restoreRequestOf } from '@kafka-backup/core/config'
import { mayUseTransactions } from '@kafka-backup/core/kafka'
import { readLedgers } from '@kafka-backup/core/repository'
import {
  assertEqual,
  beginRestore,
  fenceRestore,
  proveTransactions,
  purgedTopics,
  runRestore,
  transactionalIdOf,
  verifyRestore,
} from '@kafka-backup/core/restore'
import { RateLimiter } from '@kafka-backup/core/runtime'
import { beforeWriting } from '../before-writing.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { confirmNames, promptOf } from '../confirm.ts'
import { openConfiguredCluster } from '../open-configured-cluster.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { CLIENT_ID } from '../program-name.ts'
import { restorePlanDocument, restorePlanText } from '../render/restore-plan-text.ts'
import {
  finishedDocument,
  finishedText,
  restoreDocument,
  restoreHeadline,
  restoreReportText,
} from '../render/restore-text.ts'
import { sinceDocument, sinceLines } from '../render/since-begun-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'
import { restoreSelectorOf } from '../restore-selector.ts'

/** What `kafka-backup restore` does. */
export const restoreCommand: Command = {
  async run(context) {
    const { config } = context.loaded
    const { storage, usage } = await beforeWriting(async () => openMeteredStorage(context))
    const target = requireCluster(config, 'target')
    const cluster = openConfiguredCluster(target)
    try {
      const prepared = await beforeWriting(() => prepare(context, storage, cluster, target))
      const finished = prepared.known?.state
      if (finished?.finished)
        return await finishedResult(context, { storage, cluster, target }, prepared, finished)
      if (config.restore.dryRun) return await dryRunResult(context, storage, prepared)
      await beforeWriting(() => confirmPurge(context, prepared))
      return await run(context, { prepared, storage, usage, cluster, target })
    } finally {
      await cluster.close()
      await storage.close()
    }
  },
}

/** Earlier restores only better the estimate: one that cannot be read is no reason against a plan. */
async function dryRunResult(
  { loaded, signal }: CommandContext,
  storage: StorageBackend,
  prepared: PreparedRestore,
): Promise<CommandResult> {
  const { pace } = loaded.config.restore
  const earlier = await readLedgers(storage, prepared.plan.backupId, signal).catch(() => [])
  return {
    document: restorePlanDocument(prepared, pace, earlier),
    text: restorePlanText(prepared, pace, earlier),
    exitCode: 0,
  }
}

interface Places {
  readonly storage: StorageBackend
  readonly cluster: Cluster
  readonly target: ClusterSettings
}

/** It is not repeated; whoever asks to verify gets that. */
async function finishedResult(
  context: CommandContext,
  { storage, cluster, target }: Places,
  prepared: PreparedRestore,
  ledger: LedgerState,
): Promise<CommandResult> {
  const { plan } = prepared
  const { loaded, registry, clock, observe, signal } = context
  const isVerifying = loaded.config.restore.manner.isVerifying && !loaded.config.restore.dryRun
  const verified = isVerifying
    ? await verifyRestore({
        plan,
        ledger,
        isWritten: true,
        backupId: plan.backupId,
        storage,
        transforms: registry.transformsById(),
        cluster,
        clientId: CLIENT_ID,
        ...securityOf(target),
        clock,
        observe,
        signal,
      })
    : null
  if (verified) assertEqual(verified)
  return {
    document: { ...finishedDocument(ledger, verified), ...sinceDocument(prepared) },
    text: finishedText(ledger, verified, sinceLines(prepared)),
    exitCode: ledger.finished?.outcome === 'incomplete' ? 3 : 0,
  }
}

function securityOf(target: ClusterSettings) {
  return target.security ? { security: target.security } : {}
}

function prepare(
  context: CommandContext,
  storage: StorageBackend,
  cluster: Cluster,
  target: ClusterSettings,
): Promise<PreparedRestore> {
  const { config } = context.loaded
  const { manner, pace } = config.restore
  const backupId = requireBackupId(config)
  const request = restoreRequestOf(config)
  const { clock, signal } = context
  const reach = { cluster, clientId: CLIENT_ID, clock, signal, ...securityOf(target) }
  return beginRestore({
    storage,
    backupId,
    cluster,
    request,
    select: restoreSelectorOf(request),
    target: {
      isCreatingTopics: config.restore.createTopics,
      replicationFactor: config.restore.defaultReplicationFactor,
      existingTopics: manner.existingTopics,
      mayRepeat: context.options.yes === true,
      isHoldingRetention: manner.isHoldingRetention,
      requestedMode: manner.mode,
      gapMax: manner.gapMax,
      fillerMax: manner.fillerMax,
      transforms: context.registry.transformsById(),
      mayUseTransactions: () =>
        mayUseTransactions({ ...reach, transactionalId: transactionalIdOf(backupId, 'probe') }, signal),
    },
    fence: (restore) => fenceRestore(reach, restore),
    prove: (restore) => proveTransactions(reach, restore),
    isResuming: pace.isResuming,
    clock,
    random: context.random,
    signal,
  })
}

async function confirmPurge(context: CommandContext, { target }: PreparedRestore): Promise<void> {
  const names = purgedTopics(target)
  if (names.length === 0) return
  await confirmNames(
    `All records of ${names.join(', ')} on cluster ${target.clusterId} will be deleted first`,
    names,
    promptOf(context),
  )
}

async function run(
  context: CommandContext,
  parts: {
    readonly prepared: PreparedRestore
    readonly storage: StorageBackend
    readonly usage: ResilientStorage['usage']
    readonly cluster: Cluster
    readonly target: ClusterSettings
  },
): Promise<CommandResult> {
  const { prepared, storage, usage, cluster, target } = parts
  const { restore } = context.loaded.config
  context.say(restoreHeadline(prepared))
  const ledger: RestoreLedger = await prepared.openLedger()
  const report = await runRestore({
    plan: prepared.plan,
    target: prepared.target,
    ledger,
    storage,
    transforms: context.registry.transformsById(),
    cluster,
    clientId: CLIENT_ID,
    ...securityOf(target),
    produceTimeoutMs: restore.produceTimeoutMs,
    connectionsPerBroker: target.connectionsPerBroker,
    concurrentPartitions: restore.pace.concurrentPartitions,
    concurrentPartitionsPerTopic: restore.pace.concurrentPartitionsPerTopic,
    transactionMaxBytes: restore.pace.transactionMaxBytes,
    progressIntervalMs: restore.pace.progressIntervalMs,
    isVerifying: restore.manner.isVerifying,
    // Begun among the records of others, it stays so, whether that is said again or not.
    isExclusive: restore.manner.existingTopics !== 'append' && !ledger.state.opened.isShared,
    throttle: throttleOf(context),
    clock: context.clock,
    observe: context.observe,
    signal: context.signal,
  })
  return {
    document: {
      ...restoreDocument(prepared.plan, report),
      ...sinceDocument(prepared),
      storage: storageDocument(usage()),
    },
    text: [restoreReportText(prepared.plan, report), storageText(usage())].join('\n'),
    exitCode: report.outcome === 'complete' ? 0 : 3,
  }
}

function throttleOf({ loaded, clock }: CommandContext) {
  const { recordsPerSec, bytesPerSec } = loaded.config.restore.pace
  const ofRecords =
    recordsPerSec === undefined ? undefined : new RateLimiter({ unitsPerSec: recordsPerSec }, clock)
  const ofBytes = bytesPerSec === undefined ? undefined : new RateLimiter({ unitsPerSec: bytesPerSec }, clock)
  return async (records: number, bytes: number, signal: AbortSignal): Promise<void> => {
    await ofRecords?.take(records, signal)
    await ofBytes?.take(bytes, signal)
  }
}
