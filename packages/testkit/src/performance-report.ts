/** The summary of Kafka's producer performance tool. MB are 1,048,576 bytes, as the tool counts. */
export interface ProducerPerformance {
  readonly records: number
  readonly recordsPerSec: number
  readonly mbPerSec: number
  readonly elapsedMs: number
}

/** The summary of Kafka's consumer performance tool. */
export interface ConsumerPerformance {
  readonly records: number
  readonly mb: number
  /** From the first poll on, with the time that joining the group took. */
  readonly elapsedMs: number
  /** The same without joining the group. */
  readonly fetchMs: number
}

// The tool prints a stack for every record that was refused.
const SHOWN_CHARACTERS = 4_000

/** Readers of the two summaries. */
export const parsePerformance = { ofProducer, ofConsumer } as const

function ofProducer(stdout: string, expectedRecords: number): ProducerPerformance {
  // Lines before the last are interim reports of the same form; only the summary has percentiles.
  const pattern = /(\d+) records sent, ([\d.]+) records\/sec \(([\d.]+) MB\/sec\).* 50th/
  const match = pattern.exec(stdout)
  if (!match) throw new Error(`no summary of the producer performance tool in:\n${stdout}`)
  const [records, recordsPerSec, mbPerSec] = match.slice(1).map(Number) as [number, number, number]
  if (records !== expectedRecords) {
    throw new Error(
      `only ${records} of ${expectedRecords} records were sent:\n${stdout.slice(0, SHOWN_CHARACTERS)}`,
    )
  }
  return { records, recordsPerSec, mbPerSec, elapsedMs: (records / recordsPerSec) * 1000 }
}

function ofConsumer(stdout: string): ConsumerPerformance {
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, …
  const line = stdout.split('\n').findLast((candidate) => /^\d{4}-\d\d-\d\d .*,/.test(candidate))
  const cells = line?.split(',').map((cell) => cell.trim()) ?? []
  if (cells.length < 8) throw new Error(`no summary of the consumer performance tool in:\n${stdout}`)
  return {
    records: Number(cells[4]),
    mb: Number(cells[2]),
    elapsedMs: readTimeMs(cells[1]!) - readTimeMs(cells[0]!),
    fetchMs: Number(cells[7]),
  }
}

/** `2025-01-31 12:00:00:123`; only differences count, so the zone does not matter. */
function readTimeMs(cell: string): number {
  return Date.parse(`${cell.slice(0, 10)}T${cell.slice(11, 19)}.${cell.slice(20)}Z`)
}
