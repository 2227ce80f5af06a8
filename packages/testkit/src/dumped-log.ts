/** One record as kafka.tools.DumpLogSegments shows it. */
export interface DumpedRecord {
  readonly offset: bigint
  readonly keySize: number
  readonly valueSize: number
  readonly headerKeys: readonly string[]
  /** COMMIT or ABORT for the record of a transaction marker. */
  readonly endTxnMarker?: string
}

/** One record batch as kafka.tools.DumpLogSegments shows it. `records` is empty unless the dump was deep. */
export interface DumpedBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly count: number
  readonly baseSequence: number
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly partitionLeaderEpoch: number
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly position: number
  readonly maxTimestampMs: bigint
  readonly sizeBytes: number
  readonly compression: string
  readonly isValid: boolean
  readonly records: readonly DumpedRecord[]
}

/** The batches in the output of kafka.tools.DumpLogSegments, in the order of the file. */
export function parseDumpedBatches(stdout: string): DumpedBatch[] {
  const batches: (DumpedBatch & { records: DumpedRecord[] })[] = []
  for (const line of stdout.split('\n')) {
    if (line.startsWith('baseOffset: ')) batches.push(parseBatch(line))
    else if (line.startsWith('| offset: ')) batches.at(-1)?.records.push(parseRecord(line))
  }
  return batches
}

function parseBatch(line: string): DumpedBatch & { records: DumpedRecord[] } {
  const field = fieldReader(line)
  return {
    baseOffset: BigInt(field('baseOffset')),
    lastOffset: BigInt(field('lastOffset')),
    count: Number(field('count')),
    baseSequence: Number(field('baseSequence')),
    producerId: BigInt(field('producerId')),
    producerEpoch: Number(field('producerEpoch')),
    partitionLeaderEpoch: Number(field('partitionLeaderEpoch')),
    isTransactional: field('isTransactional') === 'true',
    isControl: field('isControl') === 'true',
    position: Number(field('position')),
    maxTimestampMs: BigInt(field('CreateTime', 'LogAppendTime')),
    sizeBytes: Number(field('size')),
    compression: field('compresscodec'),
    isValid: field('isvalid') === 'true',
    records: [],
  }
}

function parseRecord(line: string): DumpedRecord {
  // Keys and values come last and may contain anything, also what looks like a field.
  const head = line.split(/ (?:key|payload): /, 1)[0]!
  const field = fieldReader(head)
  const headerKeys = /headerKeys: \[(.*)\]/.exec(head)?.[1] ?? ''
  const marker = /endTxnMarker: (\w+)/.exec(head)?.[1]
  return {
    offset: BigInt(field('offset')),
    keySize: Number(field('keySize', 'keysize')),
    valueSize: Number(field('valueSize', 'valuesize')),
    headerKeys: headerKeys === '' ? [] : headerKeys.split(','),
    ...(marker === undefined ? {} : { endTxnMarker: marker }),
  }
}

function fieldReader(line: string): (...names: string[]) => string {
  return (...names) => {
    const match = new RegExp(`(?:^|\\s)(?:${names.join('|')}): (\\S+)`).exec(line)
    if (!match) throw new Error(`no field ${names.join(' or ')} in this line of the log dump: ${line}`)
    return match[1]!
  }
}
