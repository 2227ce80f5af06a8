import {
  isKafkaBackupError,
  isOfStop,
  KafkaBackupError,
  type LoadedConfig,
  loadConfig,
  type Observer,
  type Registry,
  systemClock,
  systemRandom,
  toKafkaBackupError,
} from '@kafka-backup/core'
import { boundGarbage } from '@kafka-backup/core/internal'
import { CommanderError } from 'commander'
import { saying } from './before-writing.ts'
import type { Command, CommandContext, CommandResult, OutputFormat } from './command.ts'
import { withPastableHint } from './pastable-hint.ts'
import { buildProgram, type ParsedCommand } from './program.ts'
import { errorDocument, renderErrorText } from './render/error-text.ts'
import { renderJson } from './render/json-document.ts'
import { RunObserver } from './render/run-observer.ts'
import { watchStopSignals } from './stop-signal.ts'
import { usageError, wantedFormat } from './usage-error.ts'

const USAGE_ERROR = 2
const NOTHING_STARTED = 'Nothing was started'

/** Parses the arguments, runs the verb, prints its result. Returns the exit code; never throws. */
export async function runCli(
  registry: Registry,
  commands: readonly Command[],
  args: readonly string[],
): Promise<number> {
  let parsed: ParsedCommand | undefined
  try {
    const program = buildProgram(commands, (chosen) => {
      parsed = chosen
    })
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) return printError(error, wantedFormat(args))
    if (error.exitCode === 0) return 0
    // Without a verb commander has printed the help already.
    if (error.code === 'commander.help') return USAGE_ERROR
    const verbs = commands.map((command) => command.name)
    return printError(saying(usageError(error, args, verbs), NOTHING_STARTED), wantedFormat(args))
  }
  return parsed ? runCommand(registry, parsed) : 0
}

async function runCommand(registry: Registry, parsed: ParsedCommand): Promise<number> {
  let format: OutputFormat = 'table'
  let loaded: LoadedConfig | undefined
  const observer = new RunObserver(
    {
      isTerminal: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
      get columns() {
        return process.stderr.columns || 80
      },
      write: (text) => process.stderr.write(text),
    },
    systemClock,
    parsed.command.verb,
  )
  const observe: Observer = parsed.isQuiet ? () => undefined : observer.observe
  const stop = watchStopSignals(() => observe({ type: 'stop_requested' }))
  using _garbage = boundGarbage(systemClock)
  try {
    format = outputFormat(parsed.outputFormat)
    loaded = await loadSettings(parsed).catch((error: unknown) => {
      throw saying(error, NOTHING_STARTED)
    })
    const say = (text: string) => {
      if (!parsed.isQuiet) process.stderr.write(`${text}\n`)
    }
    for (const warning of loaded.warnings) say(`Warning: ${warning}`)
    const context: CommandContext = {
      loaded,
      registry,
      outputFormat: format,
      clock: systemClock,
      random: systemRandom,
      observe,
      say,
      signal: stop.signal,
      options: parsed.options,
    }
    const result = await parsed.command.run(context)
    observer.end()
    return printResult(result, format)
  } catch (error) {
    observer.end()
    return printError(withPastableHint(failureOf(error, stop.signal), loaded?.config), format)
  } finally {
    stop.dispose()
  }
}

/** What fails because it was told to stop has been interrupted, whatever it says; anything else is told with its own code. */
function failureOf(error: unknown, signal: AbortSignal): unknown {
  return isOfStop(error, signal) && !isKafkaBackupError(error, 'KB_INTERRUPTED') ? signal.reason : error
}

function loadSettings(parsed: ParsedCommand): Promise<LoadedConfig> {
  return loadConfig({
    verb: parsed.command.verb,
    ...(parsed.configFile === undefined ? {} : { file: parsed.configFile }),
    flags: Object.fromEntries([...parsed.flags].map(([setting, value]) => [setting.path, value])),
    env: process.env,
    cwd: process.cwd(),
  })
}

function outputFormat(text: string): OutputFormat {
  if (text === 'table' || text === 'json') return text
  throw new KafkaBackupError(
    'KB_USAGE',
    `--output-format must be table or json, not "${text}". ${NOTHING_STARTED}`,
  )
}

function printResult(result: CommandResult, format: OutputFormat): number {
  process.stdout.write(`${format === 'json' ? renderJson(result.document) : result.text}\n`)
  return result.exitCode
}

function printError(error: unknown, format: OutputFormat): number {
  if (format === 'json') process.stdout.write(`${renderJson(errorDocument(error))}\n`)
  process.stderr.write(`${renderErrorText(error)}\n`)
  return toKafkaBackupError(error).exitCode
}
