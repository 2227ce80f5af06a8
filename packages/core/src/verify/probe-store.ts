import type { ErrorCode } from '../errors/error-codes.ts'
import { ERROR_TABLE, EXIT_CODES } from '../errors/error-codes.ts'
import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { PROBE_FOLDER } from '../repository/key-layout.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { ObjectKey, PlaceFacts, StorageBackend } from '../storage/storage-backend.ts'
import {
  type CheckResult,
  checkAbortUpload,
  checkClock,
  checkDelete,
  checkList,
  checkRangedRead,
  checkReadAfterWrite,
  checkReplace,
  checkStreamedWrite,
  checkWrite,
  type ProbeContext,
} from './probe-checks.ts'
import { checkPutIfAbsent, checkStreamedPutIfAbsent } from './probe-exclusive.ts'
import { CAPABILITY_MEANINGS, type CapabilityId, meaningOf } from './probe-meanings.ts'
import { ProbeObjects } from './probe-objects.ts'

/** One thing that a store can do or not. */
export interface ProbedCapability {
  readonly id: CapabilityId
  readonly answer: CheckResult['answer']
  readonly isNeeded: boolean
  /** For a backup, in one sentence. */
  readonly meaning: string
  /** What was seen; null: nothing more to say. */
  readonly detail: string | null
  /** What to do; null: nothing. */
  readonly advice: string | null
  /** The error that a run would end with; null unless it is needed and not there. */
  readonly code: ErrorCode | null
}

/** What a store can do, by trying it. */
export interface ProbeReport {
  readonly location: string
  readonly verdict: 'suitable' | 'unsuitable'
  /** Somebody vouches that one run at a time writes. */
  readonly isSingleWriter: boolean
  /** False: a folder that is not there, and that a backup would make. */
  readonly isPlaceThere: boolean
  readonly capabilities: readonly ProbedCapability[]
  /** Clock of the store minus that of this machine; null: not known. */
  readonly clockDifferenceMs: number | null
  /** Keys that the probe wrote and could not delete. */
  readonly leftovers: readonly ObjectKey[]
  readonly durationMs: number
  /** As in the table of exit codes. */
  readonly exitCode: number
}

/** What is probed. */
export interface ProbeOptions {
  readonly storage: StorageBackend
  /** The same place without a promise of a single writer; absent: `storage` has none. */
  readonly exclusive?: StorageBackend
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** Uploads of `storage` so far whose parts could not be removed; absent: nobody counts. */
  readonly leftUploads?: () => number
  /** Told of keys that could not be deleted when there will be no report. */
  readonly onLeft?: (keys: readonly ObjectKey[]) => void
}

interface Finding extends CheckResult {
  readonly id: CapabilityId
  readonly error?: KafkaBackupError
}

type Check = (context: ProbeContext) => Promise<CheckResult>

/** What is refused when the right is missing; elsewhere such a refusal hides the answer. */
const RIGHTS: readonly CapabilityId[] = ['write', 'read_after_write', 'list', 'replace', 'delete']

const RIGHTS_ADVICE = 'Give the account the missing right; see docs/providers.md.'

const NOT_TRIED = 'nothing could be written to try it with'

/** Errors by which a store shows that it cannot do what is asked. */
const REFUSALS: readonly ErrorCode[] = [
  'KB_STORAGE_UNSUPPORTED',
  'KB_SEGMENT_CORRUPT',
  'KB_LIMIT_EXCEEDED',
  'KB_OBJECT_NOT_FOUND',
]

/**
 * Tries everything that a backup relies on with objects of its own, and removes them again, also when it fails or is stopped.
 * It touches nothing else. @throws KB_STORAGE_UNAVAILABLE, KB_STORAGE_FULL, KB_LOCATION_INVALID
 */
export async function probeStore(options: ProbeOptions): Promise<ProbeReport> {
  const { storage, clock, signal } = options
  const beganMs = clock.monotonicMs()
  const objects = new ProbeObjects(storage, options)
  const { exclusive = storage, leftUploads } = options
  const context = { storage, exclusive, objects, clock, signal, leftUploads }
  const folders = await storage.noteFolders?.(PROBE_FOLDER)
  let found: Tried
  try {
    await objects.reach()
    found = await tryEverything(context)
  } catch (error) {
    const left = await objects.removeAll()
    objects.dispose()
    // What ended the probe is what has to be told.
    await folders?.removeNew().catch(() => undefined)
    if (left.length > 0) options.onLeft?.(left)
    throw error
  }
  const leftovers = await objects.removeAll()
  objects.dispose()
  await folders?.removeNew()
  const isSingleWriter = storage.capabilities.hasSingleWriter === true
  const capabilities = found.findings.map((finding) => describe(finding, isSingleWriter))
  const codes = capabilities.flatMap(({ code }) => (code === null ? [] : [code]))
  return {
    location: storage.location,
    verdict: codes.length === 0 ? 'suitable' : 'unsuitable',
    isSingleWriter,
    isPlaceThere: folders?.isPlaceThere ?? true,
    capabilities,
    clockDifferenceMs: found.clockDifferenceMs,
    leftovers,
    durationMs: clock.monotonicMs() - beganMs,
    exitCode: exitCodeOf(codes),
  }
}

interface Tried {
  readonly findings: readonly Finding[]
  readonly clockDifferenceMs: number | null
}

async function tryEverything(context: ProbeContext): Promise<Tried> {
  let clockDifferenceMs: number | null = null
  const findings: Finding[] = [await tryOne('write', checkWrite, context)]
  const canWrite = findings[0]?.answer === 'yes'
  // A store that refuses the condition takes no object at all; that is then known of the condition too.
  const isDenied = findings[0]?.error?.code === 'KB_STORAGE_PERMISSION'
  const checks: readonly (readonly [CapabilityId, Check, boolean])[] = [
    ['put_if_absent', checkPutIfAbsent, !isDenied],
    ['streamed_put_if_absent', checkStreamedPutIfAbsent, !isDenied],
    ['read_after_write', checkReadAfterWrite, canWrite],
    ['streamed_write', checkStreamedWrite, canWrite],
    ['abort_upload', checkAbortUpload, canWrite],
    ['ranged_read', checkRangedRead, canWrite],
    ['list', checkList, canWrite],
    ['replace', checkReplace, canWrite],
    ['delete', checkDelete, canWrite],
    [
      'clock',
      (shared) =>
        checkClock(shared, (differenceMs) => {
          clockDifferenceMs = differenceMs
        }),
      canWrite,
    ],
  ]
  for (const [id, check, isPossible] of checks) {
    findings.push(
      isPossible ? await tryOne(id, check, context) : { id, answer: 'unknown', detail: NOT_TRIED },
    )
  }
  const { storage, objects, signal } = context
  const facts = await objects.attempt(async () => storage.inspectPlace?.({ signal }))
  return { findings: [...findings, ...placeFindings(facts)], clockDifferenceMs }
}

/** Runs a check; a clear refusal is an answer, and everything else ends the probe. */
async function tryOne(id: CapabilityId, check: Check, context: ProbeContext): Promise<Finding> {
  context.signal.throwIfAborted()
  try {
    return { id, ...(await check(context)) }
  } catch (error) {
    context.signal.throwIfAborted()
    if (isKafkaBackupError(error, 'KB_STORAGE_PERMISSION')) {
      return { id, answer: RIGHTS.includes(id) ? 'no' : 'unknown', detail: error.message, error }
    }
    if (isKafkaBackupError(error) && REFUSALS.includes(error.code)) {
      return { id, answer: 'no', detail: error.message, error }
    }
    throw error
  }
}

function placeFindings(facts: PlaceFacts | undefined): Finding[] {
  const answerOf = (fact: 'on' | 'off' | 'unknown') =>
    fact === 'on' ? ('yes' as const) : fact === 'off' ? ('no' as const) : ('unknown' as const)
  const { versioning = 'unknown', objectLock = 'unknown', defaultRetention = null } = facts ?? {}
  return [
    { id: 'versioning', answer: answerOf(versioning) },
    { id: 'object_lock', answer: answerOf(objectLock) },
    defaultRetention === null
      ? { id: 'default_retention', answer: objectLock === 'unknown' ? 'unknown' : 'no' }
      : { id: 'default_retention', answer: 'yes', detail: defaultRetention },
  ]
}

function describe(finding: Finding, isSingleWriter: boolean): ProbedCapability {
  const { id, answer, detail, error } = finding
  const isVouched = isSingleWriter && (id === 'put_if_absent' || id === 'streamed_put_if_absent')
  const isNeeded = CAPABILITY_MEANINGS[id].isNeeded && !isVouched
  return {
    id,
    answer,
    isNeeded,
    meaning: meaningOf(id, answer, error?.code === 'KB_STORAGE_PERMISSION'),
    detail: detail ?? null,
    advice: adviceFor(finding, isVouched),
    code: isNeeded && answer !== 'yes' ? codeOf(finding) : null,
  }
}

function adviceFor({ id, answer, error }: Finding, isVouched: boolean): string | null {
  if (answer === 'yes') return null
  if (isVouched) return 'Let only one run at a time write, as storage.single_writer promises.'
  const { advice, isNeeded } = CAPABILITY_MEANINGS[id]
  const isDenied = error?.code === 'KB_STORAGE_PERMISSION'
  if (isDenied && isNeeded && id !== 'replace') return RIGHTS_ADVICE
  return answer === 'no' ? advice : null
}

/** Null for what was not tried because nothing can be written; that has a code itself. */
function codeOf({ answer, error }: Finding): ErrorCode | null {
  if (error?.code === 'KB_STORAGE_PERMISSION') return error.code
  return answer === 'no' ? 'KB_STORAGE_UNSUPPORTED' : null
}

/** A missing right hides other answers, so that it counts first. */
function exitCodeOf(codes: readonly ErrorCode[]): number {
  const first = codes.find((code) => code === 'KB_STORAGE_PERMISSION') ?? codes[0]
  return first === undefined ? 0 : EXIT_CODES[ERROR_TABLE[first].category]
}
