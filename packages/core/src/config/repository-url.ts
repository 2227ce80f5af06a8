import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { encodedPath, encodedQuery } from '../storage/location-query.ts'
import { azureAccountOf } from './azure-environment.ts'
import type { CheckedValues } from './checked-values.ts'
import type { GivenValue } from './given-values.ts'
import type { Environment } from './interpolation.ts'
import { absolutePath } from './path-value.ts'
import { type BackendName, backendsWith, keysOf } from './storage-keys.ts'

/** The folders that relative paths start from, and the variables of vendors. */
export interface RepositorySurroundings {
  readonly cwd: string
  /** Absolute path of the configuration file, if there is one. */
  readonly filePath: string | undefined
  readonly env: Environment
}

const SECTION = 'storage.'
const BACKEND = 'storage.backend'
const PACE = 'storage.rate_limit_bytes_per_sec'
// These say what is to be found where, not where it is.
const FOR_ALL = ['backend', 'prefix', 'project_id']

/** The one place of the repository, from `repo` or `storage`; reports it when both claim to be that. */
export function repositoryUrlOf(
  values: CheckedValues,
  surroundings: RepositorySurroundings,
): string | undefined {
  const repo = values.given('repo')
  const storageRank = values.storageRank
  if (repo && repo.rank === storageRank) {
    values.complain(repo, 'and storage both say where the repository is; keep one')
    return
  }
  if (repo && repo.rank > storageRank) return values.get('repo') as string
  if (values.isWrong(BACKEND)) return
  const backend = values.get(BACKEND) as BackendName
  const places = values
    .givenBelow(SECTION)
    .filter(({ setting }) => setting.type.kind !== 'secret' && setting.path !== PACE)
  if (!refuseForeign(values, places, backend) || !hasRequired(values, places, backend, surroundings.env))
    return
  // A store of memory has no name; that it is meant at all is said by its kind alone.
  const names = [...keysOf(backend).required.map((name) => SECTION + name), BACKEND]
  const anchor = names.map((name) => values.given(name)).find((given) => given !== undefined)
  const [strongest] = places.toSorted((a, b) => b.rank - a.rank)
  if (!anchor || !strongest) return
  if (repo && repo.rank > anchor.rank) {
    // Such as --prefix with the repo of a file: which of the two was meant to go?
    values.complain(strongest, 'is part of storage, which cannot be mixed with repo; keep one')
    return
  }
  return backend === 'filesystem' ? folderUrl(values, surroundings) : storeUrl(values, backend, surroundings)
}

/** A key of another backend is a sign that the wrong one would be used. */
function refuseForeign(values: CheckedValues, places: readonly GivenValue[], backend: BackendName): boolean {
  const { required, query } = keysOf(backend)
  const foreign = places.filter(({ setting }) => {
    const name = setting.path.slice(SECTION.length)
    const isDefault = values.get(setting.path) === setting.default
    return ![...FOR_ALL, ...required, ...query].includes(name) && !isDefault
  })
  for (const given of foreign) {
    const owners = backendsWith(given.setting.path.slice(SECTION.length)).join(', ')
    values.complain(given, `is for ${owners}, and storage.backend is ${backend}`)
  }
  return foreign.length === 0
}

function hasRequired(
  values: CheckedValues,
  places: readonly GivenValue[],
  backend: BackendName,
  env: Environment,
): boolean {
  const missing = keysOf(backend).required.filter((name) => {
    const isWrong = values.isWrong(SECTION + name)
    return !isWrong && requiredValue(values, name, env) === undefined
  })
  const [first] = missing
  if (first === undefined) return true
  // An empty section names no place, which is said elsewhere.
  const about = values.given('storage.prefix') ?? places.find(({ setting }) => setting.path !== BACKEND)
  const given = backend === 'filesystem' ? about : (values.given(BACKEND) ?? about)
  if (given && backend === 'filesystem')
    values.complain(given, `needs storage.path, the folder that it is below`)
  else if (given) values.complain(given, `${backend} needs storage.${first}`)
  return false
}

function folderUrl(values: CheckedValues, surroundings: RepositorySurroundings): string {
  const folder = absolutePath(values, 'storage.path', surroundings)
  const prefix = values.get('storage.prefix') as string | undefined
  return pathToFileURL(prefix === undefined ? folder : join(folder, prefix)).href
}

function storeUrl(values: CheckedValues, backend: BackendName, surroundings: RepositorySurroundings): string {
  const { scheme, required, query } = keysOf(backend)
  // An endpoint is required by one of them, and stands in the query all the same.
  const names = required
    .filter((name) => !query.includes(name))
    .map((name) => requiredValue(values, name, surroundings.env))
  const prefix = (values.get('storage.prefix') as string | undefined) ?? ''
  if (backend === 'memory') return `memory:///${encodeURIComponent(prefix || 'repository')}`
  const elements = [...names.map(String), ...prefix.split('/').filter((element) => element !== '')]
  const parameters = query.flatMap((name): [string, string][] => {
    const path = SECTION + name
    const value = values.get(path)
    // A setting that is given as its default says nothing new.
    if (value === undefined || values.given(path)?.setting.default === value || !values.given(path)) return []
    return [
      [name, name === 'service_account_path' ? absolutePath(values, path, surroundings) : String(value)],
    ]
  })
  return `${scheme}://${encodedPath(elements.join('/'))}${encodedQuery(parameters)}`
}

/** What was set, or what the tools of the vendor are told by a variable. */
function requiredValue(values: CheckedValues, name: string, env: Environment): unknown {
  const value = values.get(SECTION + name)
  return value === undefined && name === 'account_name' ? azureAccountOf(env) : value
}
