import { writeFile } from 'node:fs/promises'
import { renderConfigurationReference } from '../../src/config/configuration-reference.ts'

await writeFile(new URL('../../../../docs/configuration.md', import.meta.url), renderConfigurationReference())
