import { resolve } from 'node:path'
import { CheckedValues } from './checked-values.ts'
import { securityOfVerb } from './cluster-security.ts'
import { buildConfig, type Config } from './config.ts'
import type { FileValues } from './file-values.ts'
import { type FlagValues, misspeltVariables, winningValues } from './given-values.ts'
import type { Environment } from './interpolation.ts'
import { offsetStorage } from './offset-storage.ts'
import { ProblemList } from './problems.ts'
import { isReadOnce } from './read-once.ts'
import { repositoryUrlOf } from './repository-url.ts'
import { checkRequired } from './required-settings.ts'
import type { Verb } from './setting.ts'
import { storageSecretsOf } from './storage-secrets.ts'

/** Everything that a configuration is made from. */
export interface ConfigSources {
  readonly verb: Verb
  /** Path of the file, as the user wrote it; relative to `cwd`. */
  readonly file?: string | undefined
  /** By the path of the setting; see `settingFlags`. */
  readonly flags: FlagValues
  readonly env: Environment
  readonly cwd: string
}

/** A configuration, and how it came about. */
export interface LoadedConfig {
  readonly config: Config
  /** One line each, for standard error. */
  readonly warnings: readonly string[]
  /** For every setting: `default`, `flag`, `environment` or its place, such as `backup.yaml:14`. */
  readonly origins: ReadonlyMap<string, string>
  /** Whoever loads it again does not find it, as in a pipe. */
  readonly isReadOnce: boolean
}

/**
 * Reads the file, the environment and the flags; each setting comes from the strongest of them: flag, environment,
 * file, default. All problems are reported together, the first one as the error.
 * @throws KB_CONFIG_UNREADABLE, KB_CONFIG_INVALID, KB_CONFIG_UNKNOWN_KEY, KB_CONFIG_UNSET_VARIABLE,
 * KB_CONFIG_UNSUPPORTED
 */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const gathered = await gatherConfig(sources)
  gathered.problems.throwIfAny()
  return gathered.build()
}

/** A configuration with whatever is wrong with it. */
export interface GatheredConfig {
  readonly problems: ProblemList
  readonly warnings: readonly string[]
  readonly values: CheckedValues
  /** Only without problems. */
  build(): LoadedConfig
}

/** Reads and checks everything, and refuses nothing that can be said later. @throws KB_CONFIG_UNREADABLE, KB_CONFIG_INVALID */
export async function gatherConfig(sources: ConfigSources): Promise<GatheredConfig> {
  const { verb, file, flags, env, cwd } = sources
  const problems = new ProblemList(file)
  const filePath = file === undefined ? undefined : resolve(cwd, file)
  const fromFile =
    file === undefined || filePath === undefined
      ? undefined
      : await fileValues(filePath, { file, verb, problems })
  const warnings = [...(fromFile?.warnings ?? []), ...misspeltVariables(env, verb)]
  const given = winningValues({ file, fileValues: fromFile?.values ?? new Map(), flags, env })
  const values = new CheckedValues(given, { verb, file, env, problems, warnings })
  const repositoryUrl = repositoryUrlOf(values, { cwd, filePath, env })
  const repository = { url: repositoryUrl, credentials: storageSecretsOf(values, repositoryUrl, env) }
  const surroundings = { cwd, filePath, env }
  // What `status` can do without keeps it from nothing.
  const ofCluster = verb === 'status' ? new ProblemList(file) : problems
  const security = await securityOfVerb(values, { verb, ...surroundings, problems: ofCluster })
  checkMode(values, verb)
  checkContinuous(values, verb)
  checkRequired(values, verb, problems)
  const isClusterUsable = verb !== 'status' || (ofCluster.isEmpty && !values.isWrongBelow('source.'))
  if (!isClusterUsable) warnings.push(CLUSTER_WARNING)
  const build = (): LoadedConfig => {
    const config = buildConfig(values, repository, {
      security,
      offsetStorage: offsetStorage(values, surroundings),
    })
    return Object.freeze({
      config: isClusterUsable ? config : Object.freeze({ ...config, source: undefined }),
      warnings: Object.freeze(warnings),
      origins: values.origins(),
      isReadOnce: isReadOnce(values, surroundings),
    })
  }
  return { problems, warnings, values, build }
}

async function fileValues(
  path: string,
  options: ConstructorParameters<typeof FileValues>[1],
): Promise<FileValues> {
  // Who has no file does not wait for the YAML library.
  const [{ readConfigFile }, { FileValues }] = await Promise.all([
    import('./config-file.ts'),
    import('./file-values.ts'),
  ])
  return new FileValues(await readConfigFile(path, options.file), options)
}

const CLUSTER_WARNING =
  'the source cluster is not asked for the lag: its security settings are incomplete here, as in a variable that is not set'

/** A run either ends where the topics end now or does not. */
function checkContinuous(values: CheckedValues, verb: Verb): void {
  const ending = values.given('backup.stop_at_current_offsets')
  const isBoth =
    values.get('backup.continuous') === true && values.get('backup.stop_at_current_offsets') === true
  if (verb === 'backup' && ending && isBoth)
    values.complain(ending, 'cannot be true together with backup.continuous')
}

/** A file that was written for the other direction is the wrong file. */
function checkMode(values: CheckedValues, verb: Verb): void {
  const mode = values.given('mode')
  const wanted = values.get('mode')
  if (mode && (verb === 'backup' || verb === 'restore') && wanted !== verb) {
    values.complain(mode, `is ${wanted}, so this configuration is not for ${verb}`)
  }
}
