import { examineConfig } from '@kafka-backup/core/config'
import { saying } from '../before-writing.ts'
import type { SettingsCommand } from '../command.ts'
import { configExplainDocument, configExplainText } from '../render/config-explain-text.ts'
import { NOTHING_STARTED } from '../usage-error.ts'

/** What `kafka-backup config explain` does. */
export const configExplainCommand: SettingsCommand = {
  async examine(sources, { options, say }) {
    const { loaded, settings, warnings, refusal } = await examineConfig(sources)
    if (!loaded) throw saying(refusal, NOTHING_STARTED)
    for (const warning of warnings) say(`Warning: ${warning}`)
    const shown = options.given === true ? settings.filter(({ from }) => from !== 'default') : settings
    return {
      document: configExplainDocument(sources.verb, shown),
      text: configExplainText(shown),
      exitCode: 0,
    }
  },
}
