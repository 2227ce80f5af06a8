import type { ConfigSources, LoadedConfig, Problem, Registry } from '@kafka-backup/core'
import { examineConfig, requireRepositoryUrl, restoreRequestOf } from '@kafka-backup/core/config'
import { isKafkaBackupError } from '@kafka-backup/core/errors'
import { openLocation } from '@kafka-backup/core/storage'
import type { SettingsCommand } from '../command.ts'
import { configCheckDocument, configCheckText, type Objection } from '../render/config-check-text.ts'

/** What `kafka-backup config check` does. */
export const configCheckCommand: SettingsCommand = {
  async examine(sources, { registry }) {
    const { problems, warnings, loaded } = await examineConfig(sources)
    const objections = loaded ? await laterObjections(loaded, sources, registry) : problems.map(objectionOf)
    const checked = { verb: sources.verb, file: sources.file, objections, warnings }
    return {
      document: configCheckDocument(checked),
      text: configCheckText(checked),
      exitCode: objections.length === 0 ? 0 : USAGE_EXIT_CODE,
    }
  },
}

const USAGE_EXIT_CODE = 2

function objectionOf({ code, message, line, key }: Problem): Objection {
  return { code, message, line: line ?? null, key: key ?? null, hint: null }
}

/** What the verb says of good settings before it asks anybody: which store that would be, and what a restore is asked for. */
async function laterObjections(
  { config }: LoadedConfig,
  { verb }: ConfigSources,
  registry: Registry,
): Promise<Objection[]> {
  const steps = [
    // Opening is no request: the first one is made by whoever reads or writes.
    () => openLocation(requireRepositoryUrl(config), registry.storages, config.storageCredentials).close(),
    () => (verb === 'restore' ? restoreRequestOf(config) : undefined),
  ]
  const objections: Objection[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      if (!isKafkaBackupError(error)) throw error
      const { code, message, hint } = error
      objections.push({ code, message, line: null, key: null, hint })
    }
  }
  return objections
}
