import { readFileSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BOMB_DECODERS, type BombDecoder } from './bomb-decoders.ts'

/** What opening one bomb did: the code of the refusal (or what came instead), and what that cost. */
export interface BombCost {
  readonly name: string
  readonly outcome: string
  readonly category: string
  /** Processor time of the whole process, threads of the pool included. */
  readonly cpuMs: number
  readonly grownBytes: number
}

/** One bomb in a file. The sample is what the same decoder accepts or refuses cheaply: it warms the code. */
export interface BombOrder {
  readonly name: string
  readonly decoder: BombDecoder
  readonly file: string
  readonly warmFile: string
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Resident bytes now, or at the peak since the last {@link resetPeak}. */
function residentBytes(field: 'VmRSS' | 'VmHWM'): number {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`${field}:\\s+(\\d+) kB`))
  return Number(line?.[1]) * 1024
}

function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5')
}

async function outcomeOf(
  decoder: BombDecoder,
  bytes: Buffer,
): Promise<{ outcome: string; category: string }> {
  try {
    await BOMB_DECODERS[decoder](bytes)
    return { outcome: 'accepted', category: '' }
  } catch (error) {
    if (isKafkaBackupError(error)) return { outcome: error.code, category: error.category }
    return { outcome: String(error), category: '' }
  }
}

async function open({ name, decoder, file, warmFile }: BombOrder): Promise<BombCost> {
  const warm = readFileSync(warmFile)
  for (let round = 0; round < 20; round++) await outcomeOf(decoder, warm)
  const bytes = readFileSync(file)
  collectGarbage()
  resetPeak()
  const before = residentBytes('VmRSS')
  const cpu = process.cpuUsage()
  const { outcome, category } = await outcomeOf(decoder, bytes)
  const { user, system } = process.cpuUsage(cpu)
  return {
    name,
    outcome,
    category,
    cpuMs: (user + system) / 1000,
    grownBytes: residentBytes('VmHWM') - before,
  }
}

for (const order of JSON.parse(readFileSync(0, 'utf8')) as BombOrder[]) {
  process.stdout.write(`${JSON.stringify(await open(order))}\n`)
}
