import type { CheckResult } from './probe-checks.ts'

/** What a probe asks a store. */
export type CapabilityId =
  | 'write'
  | 'put_if_absent'
  | 'streamed_put_if_absent'
  | 'read_after_write'
  | 'streamed_write'
  | 'abort_upload'
  | 'ranged_read'
  | 'list'
  | 'replace'
  | 'delete'
  | 'clock'
  | 'versioning'
  | 'object_lock'
  | 'default_retention'

/** One row: is it needed, and what each answer means for a backup. `advice` is what to do unless the answer is yes. */
interface CapabilityMeaning {
  readonly isNeeded: boolean
  readonly yes: string
  readonly no: string
  /** In place of `no` where the account lacks a right, which says nothing of the store. */
  readonly denied?: string
  readonly advice: string
}

/** Said of every answer that could not be had. */
export const UNKNOWN_MEANING = 'It could not be found out.'

const CONDITION_ADVICE =
  'Choose a store that honours If-None-Match, or set storage.single_writer: true and let only one run at a time write.'
const OTHER_STORE = 'Choose another store, and report its name and version.'

/** THE table of what a probe says. */
export const CAPABILITY_MEANINGS: Readonly<Record<CapabilityId, CapabilityMeaning>> = {
  write: {
    isNeeded: true,
    yes: 'A backup can be written here.',
    no: 'Nothing can be written here, so that no backup can be made.',
    advice: 'Give the account the right to create objects; see docs/providers.md.',
  },
  put_if_absent: {
    isNeeded: true,
    yes: 'Two runs at once cannot overwrite each other.',
    no: 'Two runs at once could overwrite each other and damage the backup.',
    advice: CONDITION_ADVICE,
  },
  streamed_put_if_absent: {
    isNeeded: true,
    yes: 'Nor can their large segments.',
    no: 'Large segments of two runs at once could overwrite each other.',
    advice: CONDITION_ADVICE,
  },
  read_after_write: {
    isNeeded: true,
    yes: 'What was committed is there for the next run.',
    no: 'The next run could miss what was committed.',
    denied: 'The account may not read and list what it wrote, which every run does.',
    advice: 'Choose a store with strong consistency, without a cache in front of it.',
  },
  streamed_write: {
    isNeeded: true,
    yes: 'Segments of any size arrive whole or not at all.',
    no: 'A segment could be seen that is not whole.',
    advice: OTHER_STORE,
  },
  abort_upload: {
    isNeeded: false,
    yes: 'What an upload that fails has sent does not stay.',
    no: 'Parts of uploads that fail stay: they are invisible and cost money.',
    advice:
      'Give the account the right to abort uploads (s3:AbortMultipartUpload), and the bucket a rule that removes unfinished ones; see docs/providers.md.',
  },
  ranged_read: {
    isNeeded: true,
    yes: 'A restore reads exactly the frames that it needs.',
    no: 'A restore would get other bytes than it asks for.',
    advice: OTHER_STORE,
  },
  list: {
    isNeeded: true,
    yes: 'Commits are found, all of them and in their order.',
    no: 'Commits could be missed.',
    denied: 'The account may not list, so that no commit is found.',
    advice: OTHER_STORE,
  },
  replace: {
    isNeeded: true,
    yes: 'The manifest can be rendered anew after each run.',
    no: 'The manifest cannot be rendered anew, so that a second run fails.',
    denied: 'The account may not replace the manifest and read it, so that a second run fails.',
    advice: 'Let the account overwrite and read objects whose key ends with manifest.json.',
  },
  delete: {
    isNeeded: false,
    yes: 'Whoever has this account can delete backups.',
    no: 'Whoever has this account cannot delete backups. Backups and restores do not need to.',
    advice: 'Keep it so. Prune, compact and repair old data with another account.',
  },
  clock: {
    isNeeded: false,
    yes: 'Store and machine agree about the time.',
    no: 'Ages of objects will be judged wrongly, and S3 refuses requests from 15 minutes on.',
    advice: 'Set the clocks right.',
  },
  versioning: {
    isNeeded: false,
    yes: 'What is replaced or deleted is kept as a version.',
    no: 'What is deleted is gone for good.',
    advice: 'Turn versions on if backups must survive a deletion by mistake.',
  },
  object_lock: {
    isNeeded: false,
    yes: 'Objects can be locked against deletion.',
    no: 'Nothing keeps an account with the right to delete from deleting.',
    advice: 'Make the bucket with object lock if backups must survive a stolen account.',
  },
  default_retention: {
    isNeeded: false,
    yes: 'Every new object is locked for this time.',
    no: 'New objects are not locked by themselves.',
    advice: 'Set a default retention if backups must survive a stolen account.',
  },
}

/** The sentence for an answer. `isDenied`: it was had by a refusal for lack of a right. */
export function meaningOf(id: CapabilityId, answer: CheckResult['answer'], isDenied: boolean): string {
  if (answer === 'unknown') return UNKNOWN_MEANING
  const row = CAPABILITY_MEANINGS[id]
  return answer === 'no' && isDenied ? (row.denied ?? row.no) : row[answer]
}
