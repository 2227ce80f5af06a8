// kafka-backup that gets its Ctrl-C while it reads the first commit for the second time, and then what FINDS says.
import { setTimeout as delay } from 'node:timers/promises'
import { KafkaBackupError, openParts, type Plugin, Registry, type StorageBackend } from '@kafka-backup/core'
import { describeLine } from '../../../packages/cli/src/command-lines/describe.ts'
import { runCli } from '../../../packages/cli/src/run-cli.ts'

const { FINDS = '' } = process.env
const DAMAGED = Buffer.from('{"damaged":')

const FINDINGS: Readonly<Record<string, () => Buffer>> = {
  damage: () => DAMAGED,
  defect: () => {
    throw new TypeError('as the test wants it')
  },
  refusal: () => {
    throw new KafkaBackupError('KB_STORAGE_PERMISSION', 'as the test wants it')
  },
  silence: () => {
    throw new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'as the test wants it')
  },
  abort: () => {
    throw new DOMException('as the test wants it', 'AbortError')
  },
}

function stopping(inner: StorageBackend): StorageBackend {
  let reads = 0
  const read: StorageBackend['read'] = async (key, maxBytes) => {
    if (!key.includes('/commits/')) return inner.read(key, maxBytes)
    if (++reads === 1) return DAMAGED
    let isStopped = false
    process.once('SIGINT', () => {
      isStopped = true
    })
    process.kill(process.pid, 'SIGINT')
    while (!isStopped) await delay(10)
    return FINDINGS[FINDS]?.() ?? inner.read(key, maxBytes)
  }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'read') return read
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const stoppingParts: Plugin = {
  ...openParts,
  name: 'stopping-parts',
  register(registry) {
    openParts.register({
      ...registry,
      addStorage: (scheme, factory) => registry.addStorage(scheme, (...given) => stopping(factory(...given))),
      addTransform: (id, factory) => registry.addTransform(id, factory),
      addCheckpointCache: (name, factory) => registry.addCheckpointCache(name, factory),
    } as Registry)
  },
}

process.exitCode = await runCli(
  async () => new Registry().use(stoppingParts).freeze(),
  [describeLine],
  process.argv.slice(2),
)
