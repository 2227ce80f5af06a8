import type { KafkaRecord } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { recordBytes } from '@kafka-backup/core/read'
import { LIMITS } from '@kafka-backup/core/runtime'
import type { CommandContext } from './command.ts'
import { decodingOf, plainDecoding } from './record-decoding.ts'
import { recordDocument, safeJson } from './render/record-document.ts'
import { hexBytes, type PlacedRecord, recordLine, shownBytes } from './render/record-text.ts'

/** A record as it is printed, in one or more pieces. */
export type RecordFormat = (placed: PlacedRecord) => readonly (string | Buffer)[]

const LINE_END = '\n'
const ESCAPE = /\\(n|r|t|0|\\|x[0-9A-Fa-f]{2})/g
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0', '\\': '\\' }

/** The format that was asked for. @throws KB_USAGE for options that contradict it */
export function recordFormatOf({
  options,
  outputFormat,
}: Pick<CommandContext, 'options' | 'outputFormat'>): RecordFormat {
  const decoding = decodingOf(options.decode)
  const delimiter = options.delimiter === undefined ? undefined : String(options.delimiter)
  if (delimiter !== undefined && outputFormat !== 'raw') {
    throw new KafkaBackupError('KB_USAGE', '--delimiter is for --output-format raw')
  }
  if (decoding && (outputFormat === 'raw' || outputFormat === 'hex')) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `--output-format ${outputFormat} prints bytes: it takes no --decode`,
    )
  }
  if (outputFormat === 'raw') {
    const end = unescaped(delimiter ?? LINE_END)
    return ({ record }) => (record.value === null ? [end] : [record.value, end])
  }
  if (outputFormat === 'hex') return checked((placed) => lineOf(placed, hexBytes))
  if (outputFormat === 'ndjson') {
    const decode = decoding ?? plainDecoding
    return checked((placed) => {
      const { key, value } = decode(placed.record)
      return recordDocument(placed, key, value)
    })
  }
  if (!decoding) return checked((placed) => lineOf(placed, shownBytes))
  return checked((placed) => {
    const { key, value } = decoding(placed.record)
    const shown = (content: typeof key, bytes: Buffer | null) =>
      content.encoding === 'utf8' || content.encoding === 'base64'
        ? shownBytes(bytes)
        : safeJson(content.json)
    const { record } = placed
    return recordLine(placed, { key: shown(key, record.key), value: shown(value, record.value) }, shownBytes)
  })
}

function lineOf(placed: PlacedRecord, show: typeof shownBytes): string {
  const { key, value } = placed.record
  return recordLine(placed, { key: show(key), value: show(value) }, show)
}

/** A line is one text, and texts have a largest length. */
function checked(format: (placed: PlacedRecord) => string): RecordFormat {
  return (placed) => {
    const bytes = recordBytes(placed.record)
    if (bytes > LIMITS.printedRecordMaxBytes) throw tooLarge(placed, placed.record, bytes)
    return [format(placed)]
  }
}

function tooLarge(
  { topic, partition }: PlacedRecord,
  { offset }: KafkaRecord,
  bytes: number,
): KafkaBackupError {
  return new KafkaBackupError(
    'KB_USAGE',
    `the record at offset ${offset} of ${topic}/${partition} has ${bytes} bytes: a line takes at most ${LIMITS.printedRecordMaxBytes}`,
    {
      context: { topic, partition, offset: offset.toString() },
      hint: '--output-format raw prints values of any size.',
    },
  )
}

function unescaped(text: string): string | Buffer {
  const bytes = text.replace(ESCAPE, (_, code: string) => {
    return ESCAPED[code] ?? String.fromCharCode(Number.parseInt(code.slice(1), 16))
  })
  return /\\x/.test(text) ? Buffer.from(bytes, 'latin1') : bytes
}
