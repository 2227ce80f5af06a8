import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { judgeImport } from './layer-rules.ts'
import { findRuntimeUses } from './runtime-rules.ts'
import { findImports } from './source-scan.ts'

/** What was looked at, and one line for each violation. */
export interface LayerCheck {
  readonly fileCount: number
  readonly violations: readonly string[]
}

/** Checks every JavaScript and TypeScript file below `packages/` of a repository. */
export function checkLayers(root: string): LayerCheck {
  const files = sourceFiles(root, 'packages')
  const violations = files.flatMap((file) => violationsOf(file, readFileSync(join(root, file), 'utf8')))
  return { fileCount: files.length, violations }
}

function violationsOf(file: string, text: string): string[] {
  const imports = findImports(text).flatMap(({ specifier, line }) => {
    const judgement = judgeImport(file, specifier)
    return judgement === undefined ? [] : [`${file}:${line} ${judgement}`]
  })
  const uses = findRuntimeUses(file, text).map(
    ({ name, line }) =>
      `${file}:${line} uses ${name}: time, chance and exit come from packages/core/src/runtime`,
  )
  return [...imports, ...uses]
}

/** Paths relative to the root, with slashes. */
function sourceFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules')
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return sourceFiles(root, path)
      return /\.[cm]?[jt]s$/.test(entry.name) ? [path] : []
    })
    .sort()
}
