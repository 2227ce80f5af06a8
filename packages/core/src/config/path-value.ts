import { dirname, resolve } from 'node:path'
import type { CheckedValues } from './checked-values.ts'
import { RANK } from './given-values.ts'

/** The folders that relative paths start from. */
export interface PathSurroundings {
  readonly cwd: string
  /** Absolute path of the configuration file, if there is one. */
  readonly filePath: string | undefined
}

/** A path of a file is relative to the folder of that file, others to the working folder. */
export function absolutePath(
  values: CheckedValues,
  path: string,
  { cwd, filePath }: PathSurroundings,
): string {
  const isInFile = values.given(path)?.rank === RANK.file && filePath !== undefined
  return resolve(isInFile ? dirname(filePath) : cwd, String(values.get(path)))
}
