import type { BackupState } from '../../format/backup-state.ts'
import type { HeldSetting, RestoreMode } from '../../format/restore-ledger.ts'
import type { TopicsDocument } from '../../format/topics-document.ts'
import type { NewTopic } from '../../kafka/cluster.ts'
import type { Codec } from '../../protocol/codec.ts'
import type { LedgerState } from '../../repository/restore-ledger.ts'
import type { TransformsById } from '../../repository/segment-reader.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { RestoreRequest } from '../restore-request.ts'
import type { SettingNote } from './captured-settings.ts'
import type { OffsetRoom } from './offset-room.ts'
import type { ExistingTopics } from './target-content.ts'

/** What is done to the target, and where each partition begins. */
export interface TargetPlan {
  readonly clusterId: string
  readonly brokers: number
  readonly newTopics: readonly NewTopic[]
  readonly mode: RestoreMode
  /** Why there are no transactions; null: there are, or somebody chose so. */
  readonly modeReason: string | null
  readonly heldSettings: readonly HeldSetting[]
  /** Everything below is deleted first, by `topic/partition`. */
  readonly purges: ReadonlyMap<string, bigint>
  /** By target topic: stored batches that are larger are split. */
  readonly batchMaxBytes: ReadonlyMap<string, number>
  /** By target topic: what its brokers compress everything with, whatever it came in; not in it: it stays as it comes. */
  readonly topicCodecs: ReadonlyMap<string, Codec>
  /** How offsets without a record are taken; null: records do not keep their offsets. */
  readonly offsets: OffsetRoom | null
  /** Settings that topics do not have, or do not get, as their sources had them. */
  readonly settingNotes: readonly SettingNote[]
  /** What speaks against it, and does not keep it from being done. */
  readonly warnings: readonly string[]
}

/** Choices that bear on the target. */
export interface TargetOptions {
  readonly isCreatingTopics: boolean
  /** -1: that of the source, or the cluster's default where that is not known. */
  readonly replicationFactor: number
  readonly existingTopics: ExistingTopics
  /** What an earlier restore wrote to a topic may be written there again. */
  readonly mayRepeat: boolean
  /** Keep a topic from deleting what is restored, until the restore is done. */
  readonly isHoldingRetention: boolean
  readonly requestedMode: 'auto' | RestoreMode
  /** Markers that a restore which keeps offsets may write. */
  readonly gapMax: number
  /** Records of filler that it may write. */
  readonly fillerMax: number
  /** Whether the account may use the transactional ids of restores of this backup. */
  readonly mayUseTransactions: () => Promise<boolean>
  /** The newest restore of the same request, when it has not ended or is gone on with. */
  readonly unfinished: LedgerState | undefined
  /** Restores of this backup that were begun before; read only when a topic is in the way, or added to. @throws KB_LEDGER_CORRUPT */
  readonly earlierRestores: () => Promise<LedgerState[]>
  /** The backup with all of its commits, also where an earlier one is restored; read only to compare histories. */
  readonly newestState: () => Promise<BackupState>
  readonly request: RestoreRequest
  /** Settings of the topics as of the commit that is restored; null: there are none, or they are not wanted. */
  readonly captured: TopicsDocument | null
  /** Why there are none although they are wanted; null: there are, or the backup has none. */
  readonly captureTrouble: string | null
  /** It is gone on with: what it wrote is expected. */
  readonly isResuming: boolean
  readonly storage: StorageBackend
  readonly transforms: TransformsById
  readonly nowMs: number
  readonly signal: AbortSignal
}
