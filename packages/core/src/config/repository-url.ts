import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CheckedValues } from './checked-values.ts'
import { RANK } from './given-values.ts'

/** The folders that relative paths start from. */
export interface BaseFolders {
  readonly cwd: string
  /** Absolute path of the configuration file, if there is one. */
  readonly filePath: string | undefined
}

/** The one place of the repository, from `repo` or `storage`; reports it when both claim to be that. */
export function repositoryUrlOf(values: CheckedValues, folders: BaseFolders): string | undefined {
  const repo = values.given('repo')
  const storageRank = values.storageRank
  if (repo && repo.rank === storageRank) {
    values.complain(repo, 'and storage both say where the repository is; keep one')
    return
  }
  if (repo && repo.rank > storageRank) return values.get('repo') as string
  const path = values.given('storage.path')
  const prefix = values.given('storage.prefix')
  if (!path) {
    if (prefix && !values.isRefused('storage.backend'))
      values.complain(prefix, 'needs storage.path, the folder that it is below')
    return
  }
  if (repo && repo.rank > path.rank) {
    // Such as --prefix with the repo of a file: which of the two was meant to go?
    values.complain(prefix ?? path, 'is part of storage, which cannot be mixed with repo; keep one')
    return
  }
  const base = path.rank === RANK.file && folders.filePath ? dirname(folders.filePath) : folders.cwd
  const folder = resolve(base, String(values.get('storage.path')))
  return pathToFileURL(prefix ? join(folder, String(values.get('storage.prefix'))) : folder).href
}
