import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** What a process held at a moment: resident memory, the most that it ever had of that, and open descriptors. */
export interface ProcessSample {
  readonly hours: number
  readonly mib: number
  readonly peakMib: number
  readonly descriptors: number
}

/** A straight line through samples of memory, in MiB an hour, with its standard error. */
export interface MemorySlope {
  readonly mibPerHour: number
  readonly standardError: number
}

const INTERVAL_MS = 5_000
const MS_PER_HOUR = 3_600_000

/** Looks at the process every five seconds until it is told to stop. */
export async function sampleProcess(pid: number, stop: AbortSignal): Promise<ProcessSample[]> {
  const samples: ProcessSample[] = []
  const beganMs = performance.now()
  while (!stop.aborted) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const descriptors = (await readdir(`/proc/${pid}/fd`)).length
    const mibOf = (name: string) =>
      Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024
    const [mib, peakMib] = [mibOf('VmRSS'), mibOf('VmHWM')]
    samples.push({ hours: (performance.now() - beganMs) / MS_PER_HOUR, mib, peakMib, descriptors })
    await delay(INTERVAL_MS, undefined, { signal: stop }).catch(() => {})
  }
  return samples
}

/** By least squares. The collector makes memory go up and down by some MiB, which the error counts. */
export function memorySlope(samples: readonly ProcessSample[]): MemorySlope {
  const count = samples.length
  const mean = (of: (sample: ProcessSample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / count
  const [x, y] = [mean(({ hours }) => hours), mean(({ mib }) => mib)]
  const spread = samples.reduce((sum, { hours }) => sum + (hours - x) ** 2, 0)
  const slope = samples.reduce((sum, { hours, mib }) => sum + (hours - x) * (mib - y), 0) / spread
  const rest = samples.reduce((sum, { hours, mib }) => sum + (mib - y - slope * (hours - x)) ** 2, 0)
  return { mibPerHour: slope, standardError: Math.sqrt(rest / (count - 2) / spread) }
}

/** The sample with the least memory of each so many minutes. */
export function leastOfEach(samples: readonly ProcessSample[], minutes: number): ProcessSample[] {
  const spans = Map.groupBy(samples, ({ hours }) => Math.floor((hours * 60) / minutes))
  return [...spans.values()].map((own) => own.reduce((least, one) => (one.mib < least.mib ? one : least)))
}
