// kafka-backup as it would be if nobody had registered the transform lz4.
import { openParts, type Plugin, Registry } from '@kafka-backup/core'
import { restoreLine } from '../../../packages/cli/src/command-lines/restore.ts'
import { runCli } from '../../../packages/cli/src/run-cli.ts'

const fewerParts: Plugin = {
  ...openParts,
  name: 'fewer-parts',
  register(registry) {
    openParts.register({
      ...registry,
      addStorage: (scheme, factory) => registry.addStorage(scheme, factory),
      addCheckpointCache: (name, factory) => registry.addCheckpointCache(name, factory),
      addTransform: (id, factory) => {
        if (id !== 'lz4') registry.addTransform(id, factory)
      },
    } as Registry)
  },
}

process.exitCode = await runCli(
  async () => new Registry().use(fewerParts).freeze(),
  [restoreLine],
  process.argv.slice(2),
)
