import { join, resolve } from 'node:path'
import { checkLayers } from './layer-check.ts'

// Usage: node scripts/check-layers.ts [folder of the repository]

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'))
const { fileCount, violations } = checkLayers(root)

for (const violation of violations) console.log(violation)
if (fileCount === 0) console.log(`no source file found in ${join(root, 'packages')}: nothing was checked`)
console.log(`layers: ${fileCount} files, ${violations.length} violations`)
if (violations.length > 0 || fileCount === 0) process.exitCode = 1
