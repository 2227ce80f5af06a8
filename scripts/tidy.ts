import { join, resolve } from 'node:path'
import { checkTidiness } from './tidy-check.ts'

// Usage: node scripts/tidy.ts [folder of the repository]

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'))
const { fileCount, medianLines, violations, warnings } = checkTidiness(root)

for (const warning of warnings) console.log(`warning: ${warning}`)
for (const violation of violations) console.log(violation)
if (fileCount === 0) console.log(`no file found in ${root}: nothing was checked`)
console.log(
  `tidy: ${fileCount} files, median of packages/*/src ${medianLines} lines, ${violations.length} violations`,
)
if (violations.length > 0 || fileCount === 0) process.exitCode = 1
