/** Everything a run tells while it goes on. Offsets are bigint, times in milliseconds, sizes in bytes. */
export type RunEvent =
  | {
      readonly type: 'backup_planned'
      readonly backupId: string
      readonly clusterId: string
      readonly brokers: number
      readonly location: string
      readonly topics: number
      readonly partitions: number
      readonly newOffsets: bigint
      readonly sinceCommit: bigint | null
    }
  | {
      readonly type: 'restore_planned'
      readonly backupId: string
      readonly clusterId: string
      readonly brokers: number
      readonly location: string
      readonly topics: number
      readonly partitions: number
      readonly records: number
    }
  | { readonly type: 'progressed'; readonly progress: RunProgress }
  | { readonly type: 'segment_closed'; readonly key: string; readonly bytes: number }
  | ({ readonly type: 'commit_created'; readonly number: bigint } & CheckpointDuration)
  | {
      readonly type: 'gap_declared'
      readonly topic: string
      readonly partition: number
      readonly firstOffset: bigint
      readonly endOffset: bigint
      readonly reason: string
      /** The damaged batch that was kept. */
      readonly quarantine?: { readonly key: string; readonly detail: string } | undefined
    }
  | {
      readonly type: 'divergence_declared'
      readonly topic: string
      readonly partition: number
      readonly lineage: number
      readonly reason: string
      readonly beginOffset: bigint
      readonly commonEndOffset: bigint | null
      readonly previousEndOffset: bigint
    }
  | {
      readonly type: 'partition_unread'
      readonly topic: string
      readonly partition: number
      readonly firstOffset: bigint
      readonly endOffset: bigint
      readonly reason: string
      readonly detail: string
    }
  | {
      /** A partition was deleted at the source, and nothing that was seen of it is missing. */
      readonly type: 'partition_left'
      readonly topic: string
      readonly partition: number
    }
  | {
      /** A partition joins a run that is under way. `beginOffset`: where it is read from. */
      readonly type: 'partition_joined'
      readonly topic: string
      readonly partition: number
      readonly beginOffset: bigint
    }
  | { readonly type: 'lag_measured'; readonly lag: RunLag }
  | {
      /** Offsets that were not read yet will be deleted soon, by the pace of deletion and of reading. */
      readonly type: 'deletion_near'
      readonly topic: string
      readonly partition: number
      readonly secondsLeft: number
      readonly marginOffsets: bigint
    }
  | {
      /** A run waits for this transaction to end. `sinceMs`: when it began, or when its producer last wrote. */
      readonly type: 'transaction_blocks'
      readonly topic: string
      readonly partition: number
      readonly producerId: bigint
      readonly transactionalId: string | null
      readonly firstOffset: bigint
      readonly sinceMs: number | null
    }
  | {
      readonly type: 'retry_scheduled'
      readonly what: string
      readonly reason: string
      readonly attempt: number
    }
  | ({
      /** Calls to the store are stopped, tried with one, or made again. */
      readonly type: 'store_availability'
      readonly location: string
    } & Availability)
  | ({
      /** Brokers do not answer and are asked again after a pause (`open`), or all answer again. */
      readonly type: 'cluster_availability'
    } & Availability)
  | {
      /** What a run could not remove again, for people: it harms nothing and takes space. */
      readonly type: 'left_behind'
      readonly location: string
      readonly what: string
    }
  | {
      /** A restore that did not finish leaves a setting of a topic changed until it is gone on with. */
      readonly type: 'setting_still_held'
      readonly topic: string
      readonly name: string
      readonly held: string
      /** Null: the topic had none of its own. */
      readonly original: string | null
    }
  | {
      /** Another run may be at work on the backup; whether it is, shows within `forMs`. */
      readonly type: 'lease_watched'
      readonly host: string
      readonly processId: number
      readonly forMs: number
    }
  | {
      /** The account may not announce the run in the repository. */
      readonly type: 'lease_unavailable'
      readonly reason: string
    }
  | {
      /** The log of a backup ends before a commit that this machine has seen, or has another one in its place. */
      readonly type: 'log_put_back'
      readonly seenCommit: bigint
      readonly seenAtMs: bigint
      /** Where the log ended when the run began; 0: there was none. */
      readonly endCommit: bigint
    }
  | {
      /** Groups whose committed offsets could not be read; told again when others cannot. Records are not concerned. */
      readonly type: 'groups_unread'
      /** Why none could be; null: only these. */
      readonly failure: string | null
      readonly unread: readonly UnreadGroup[]
      readonly silentBrokers: readonly { readonly broker: string; readonly reason: string }[]
    }
  | {
      /** What `status` is shown cannot be kept; told once for each of the two. Nothing else depends on it. */
      readonly type: 'offset_state_trouble'
      readonly where: 'local' | 'copy'
      readonly place: string
      readonly detail: string
    }
  | {
      /** Settings of topics could not be read, or not be stored (`failure`); their records are backed up all the same. */
      readonly type: 'topic_settings_unread'
      readonly unread: readonly { readonly topic: string; readonly reason: string }[]
      /** null: those that could be read are stored. */
      readonly failure: string | null
    }
  | {
      /** What a cluster is beside topics and groups could not be read in part, or not be stored (`failure`). Records are not concerned. */
      readonly type: 'cluster_unread'
      readonly unread: readonly UnreadSection[]
      /** null: what could be read is stored. */
      readonly failure: string | null
    }
  | { readonly type: 'stop_requested' }

/** A part of a cluster's description that could not be read; `reason` is Kafka's name of the error. */
export interface UnreadSection {
  readonly section: 'features' | 'acls' | 'quotas' | 'scramUsers'
  readonly reason: string
}

/** A consumer group whose offsets could not be read; `reason` is Kafka's name of the error. */
export interface UnreadGroup {
  readonly group: string
  readonly reason: string
}

/** Whether somebody answers. */
export interface Availability {
  readonly state: 'closed' | 'open' | 'trying'
  /** In a row, without an answer between them. */
  readonly failures: number
  /** Until the next try, when `open`. */
  readonly retryInMs: number
  /** What failed last; empty: nothing did. */
  readonly reason: string
}

/** What a commit took. Milliseconds. */
export interface CheckpointDuration {
  /** From the decision to commit until the store had acknowledged the commit. */
  readonly durationMs: number
  /** How much of it was spent until the data that was due was durable; 0 when none was waited for. */
  readonly uploadMs: number
}

/** How far a continuous run is behind its source. */
export interface RunLag {
  /** Offsets that may be read and were not, of all partitions together. */
  readonly offsets: number
  /** The partition with the most of them; null when there are none. */
  readonly most: { readonly topic: string; readonly partition: number; readonly offsets: number } | null
  /** Everything acknowledged before it is committed (milliseconds since the epoch); null: not known yet. */
  readonly recoveryPointMs: number | null
  /** Age of the recovery point; null: not known yet. */
  readonly recoveryAgeMs: number | null
}

/** Counters since the run began. `doneOffsets` of `totalOffsets` tells how far it is. */
export interface RunProgress {
  readonly records: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly doneOffsets: number
  readonly totalOffsets: number
  /** Offsets that no record has: taken by this run, and at most so many to take. Absent: none are. */
  readonly filling?: { readonly takenOffsets: number; readonly totalOffsets: number } | undefined
}

/** Receives events; cannot fail or delay a run, so it must not throw and must return at once. */
export type Observer = (event: RunEvent) => void

/** One observer out of many; what one of them throws does not reach the run or the others. */
export function combineObservers(observers: readonly Observer[]): Observer {
  return (event) => {
    for (const observer of observers) {
      try {
        observer(event)
      } catch {
        // An observer is a spectator: a broken progress bar must not end a backup.
      }
    }
  }
}
