import type { Observer } from '../events/run-event.ts'

const EVERY_RECORDS = 10_000

/** Counts compared records, and tells now and then how far a comparison is. `totalRecords` may be an upper bound. */
export function verificationProgress(observe: Observer, totalRecords: number): (records: number) => void {
  let records = 0
  return (more) => {
    records += more
    if (records % EVERY_RECORDS !== 0) return
    const progress = {
      records,
      rawBytes: 0,
      storedBytes: 0,
      doneOffsets: records,
      totalOffsets: totalRecords,
    }
    observe({ type: 'progressed', progress })
  }
}
