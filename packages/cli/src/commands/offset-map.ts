import type { LedgerState, LedgerSurvey, MappedRun, OffsetAnswer, StorageBackend } from '@kafka-backup/core'
import { requireBackupId } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { findSource, findTarget, mappedRuns, surveyLedgers, writtenEnds } from '@kafka-backup/core/repository'
import { planOfLedger, requestOfDocument } from '@kafka-backup/core/restore'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { sourceAnswer, targetAnswer } from '../render/offset-answer-text.ts'
import {
  mapCsv,
  mapDocument,
  mapText,
  restoresDocument,
  restoresText,
  unfinishedNote,
} from '../render/offset-map-text.ts'
import { restoreSelectorOf } from '../restore-selector.ts'
import { assertSource, assertTarget, type Place, type ShownRestore } from '../restored-places.ts'

/** Runs that are printed at once; a map with more is asked offset by offset. */
const SHOWN_RUNS_MAX = 1_000_000
const INCOMPLETE = 3
const PLACE = /^([A-Za-z0-9._-]{1,249})\/([0-9]{1,10}):([0-9]{1,19})$/

/** What `kafka-backup offset-map` does. */
export const offsetMapCommand: Command = {
  async run(context) {
    const asked = questionOf(context.options)
    const backupId = requireBackupId(context.loaded.config)
    const storage = openStorage(context)
    try {
      return await show(context, storage, backupId, asked)
    } finally {
      await storage.close()
    }
  },
}

async function show(
  context: CommandContext,
  storage: StorageBackend,
  backupId: string,
  asked: Question,
): Promise<CommandResult> {
  const { options, signal } = context
  const survey = await surveyLedgers(storage, backupId, signal)
  if (asked.of === 'list') return listed(backupId, survey)
  const shown = shownOf(backupId, survey, options.restore as string | undefined)
  const { ledger } = shown
  const runs = () => mappedRuns(storage, backupId, ledger.restoreId, signal)
  if (asked.of === 'source') {
    const { place, offset } = asked
    assertSource(shown, place)
    const found = await findTarget(runs(), place, offset, writtenEnds(ledger))
    const isUnmapped = found.lowestSafe.length === 0
    const lowestSafe = isUnmapped
      ? await endsBehind(storage, ledger, place, signal)
      : [...found.lowestSafe, ...otherLanes(ledger, found)]
    return answered(context, ledger, sourceAnswer(shown, place, offset, { ...found, lowestSafe }))
  }
  if (asked.of === 'target') {
    const { place, offset } = asked
    assertTarget(shown, place)
    return answered(
      context,
      ledger,
      targetAnswer(shown, place, offset, await findSource(runs(), place, offset)),
    )
  }
  const all = await gather(runs())
  const answer = { document: mapDocument(ledger, all), text: mapText(shown, all), csv: mapCsv(all) }
  return answered(context, ledger, answer)
}

function listed(backupId: string, survey: LedgerSurvey): CommandResult {
  return {
    document: restoresDocument(backupId, survey),
    text: restoresText(survey),
    exitCode: survey.damaged[0]?.error.exitCode ?? 0,
  }
}

/** @throws KB_RESTORE_NOT_FOUND, KB_LEDGER_CORRUPT when the wanted one is damaged, or none is named and one that is may be the newest */
function shownOf(
  backupId: string,
  { ledgers, damaged }: LedgerSurvey,
  wanted: string | undefined,
): ShownRestore {
  const newest = damaged.length === 0 ? ledgers.at(-1) : undefined
  const ledger = wanted === undefined ? newest : ledgers.find(({ restoreId }) => restoreId === wanted)
  if (ledger) return { ledger, isNewest: ledger === newest }
  const hurt = damaged.find(({ restoreId }) => wanted === undefined || restoreId === wanted)
  if (!hurt) {
    const what = wanted === undefined ? 'was never restored' : `knows no restore ${wanted}`
    throw new KafkaBackupError('KB_RESTORE_NOT_FOUND', `backup ${backupId} ${what}`)
  }
  const { code, message, context } = hurt.error
  const hint = 'Name a restore whose ledger is whole with --restore: --list shows them.'
  throw new KafkaBackupError(code, message, { context, hint, cause: hurt.error })
}

/** Of a restore that has not finished it is incomplete; CSV has no place for the reason. */
function answered(
  { options, outputFormat, say }: CommandContext,
  ledger: LedgerState,
  { document, text, csv }: ReturnType<typeof sourceAnswer>,
): CommandResult {
  const note = unfinishedNote(ledger)
  const isCsv = options.csv === true
  if (note !== null && isCsv && outputFormat === 'table') say(`Warning: ${note}`)
  return { document, text: isCsv ? csv : text, exitCode: note === null ? 0 : INCOMPLETE }
}

/** Of a source of which no record was restored: its groups go on at the ends of where its records would have gone. */
async function endsBehind(
  storage: StorageBackend,
  ledger: LedgerState,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  signal: AbortSignal,
): Promise<OffsetAnswer['lowestSafe']> {
  const isSource = ledger.opened.sources.some((own) => own.topic === topic && own.partition === partition)
  if (!isSource) return []
  const select = restoreSelectorOf(requestOfDocument(ledger.opened.request))
  const { works, partitions } = await planOfLedger(storage, ledger, select, signal)
  const at = partitions.findIndex((own) => own.sourceTopic === topic && own.partition === partition)
  const ends = writtenEnds(ledger)
  return works
    .filter(({ sources }) => sources.includes(at))
    .flatMap(({ targets }) => targets)
    .flatMap((place) => {
      const offset = ends.get(`${place.topic}/${place.partition}`)
      return offset === undefined ? [] : [{ ...place, offset, isEnd: true }]
    })
}

/** Of a source that is spread by key: partitions that none of its records went to yet, and later ones may. */
function otherLanes(ledger: LedgerState, { lowestSafe }: OffsetAnswer): OffsetAnswer['lowestSafe'] {
  const { repartitioning } = requestOfDocument(ledger.opened.request)
  const spread = new Set(lowestSafe.map(({ topic }) => topic).filter((topic) => repartitioning.has(topic)))
  const isNamed = (place: Place) =>
    lowestSafe.some(({ topic, partition }) => topic === place.topic && partition === place.partition)
  const ends = writtenEnds(ledger)
  return (ledger.begun?.partitions ?? [])
    .filter((place) => spread.has(place.topic) && !isNamed(place))
    .map(({ topic, partition, beginOffset }) => {
      return { topic, partition, offset: ends.get(`${topic}/${partition}`) ?? beginOffset, isEnd: true }
    })
}

async function gather(runs: AsyncIterable<MappedRun>): Promise<MappedRun[]> {
  const all: MappedRun[] = []
  for await (const run of runs) {
    if (all.length === SHOWN_RUNS_MAX) {
      throw new KafkaBackupError('KB_USAGE', `the map has more than ${SHOWN_RUNS_MAX} runs`, {
        hint: 'Ask for single offsets: --source topic/partition:offset',
      })
    }
    all.push(run)
  }
  return all
}

type Question =
  | { readonly of: 'list' | 'map' }
  | { readonly of: 'source' | 'target'; readonly place: Place; readonly offset: bigint }

/** One question at a time: what is not answered is not passed over in silence. @throws KB_USAGE */
function questionOf({ list, source, target, restore, csv }: CommandContext['options']): Question {
  if (source !== undefined && target !== undefined) {
    throw new KafkaBackupError('KB_USAGE', '--source and --target are two questions: ask one at a time', {
      hint: '--source tells where an offset went, --target where one came from.',
    })
  }
  if (list === true) {
    const others = { '--restore': restore, '--source': source, '--target': target, '--csv': csv }
    const [other] = Object.entries(others).find(([, value]) => value !== undefined && value !== false) ?? []
    if (other === undefined) return { of: 'list' }
    throw new KafkaBackupError('KB_USAGE', `--list shows all restores, and takes no ${other}`, {
      hint: 'Take a restore from the list, and name it with --restore, without --list.',
    })
  }
  if (source !== undefined) return { of: 'source', ...placeOf('--source', String(source)) }
  if (target !== undefined) return { of: 'target', ...placeOf('--target', String(target)) }
  return { of: 'map' }
}

function placeOf(flag: string, text: string) {
  const [, topic, partition, offset] = PLACE.exec(text) ?? []
  if (topic === undefined)
    throw new KafkaBackupError('KB_USAGE', `${flag} must be like orders/3:1200, not "${text}"`)
  return { place: { topic, partition: Number(partition) }, offset: BigInt(offset ?? 0) }
}
