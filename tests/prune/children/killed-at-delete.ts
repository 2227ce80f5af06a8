// kafka-backup on a store whose client dies, as by kill -9, right before it deletes the object number DIES_AT_DELETE.
import { openParts, type Plugin, Registry, type StorageBackend } from '@kafka-backup/core'
import { pruneLine } from '../../../packages/cli/src/command-lines/prune.ts'
import { runCli } from '../../../packages/cli/src/run-cli.ts'

let left = Number(process.env.DIES_AT_DELETE)

function mortal(inner: StorageBackend): StorageBackend {
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'delete' && --left <= 0) process.kill(process.pid, 'SIGKILL')
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const mortalParts: Plugin = {
  ...openParts,
  name: 'mortal-parts',
  register(registry) {
    openParts.register({
      ...registry,
      addStorage: (scheme, factory) => registry.addStorage(scheme, (...given) => mortal(factory(...given))),
      addTransform: (id, factory) => registry.addTransform(id, factory),
      addCheckpointCache: (name, factory) => registry.addCheckpointCache(name, factory),
    } as Registry)
  },
}

process.exitCode = await runCli(
  async () => new Registry().use(mortalParts).freeze(),
  [pruneLine],
  process.argv.slice(2),
)
