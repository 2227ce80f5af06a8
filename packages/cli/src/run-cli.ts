import {
  KafkaBackupError,
  type LoadedConfig,
  loadConfig,
  type Registry,
  systemClock,
  systemRandom,
  toKafkaBackupError,
} from '@kafka-backup/core'
import { CommanderError } from 'commander'
import type { Command, CommandContext, CommandResult, OutputFormat } from './command.ts'
import { buildProgram, type ParsedCommand } from './program.ts'
import { errorDocument, renderErrorText } from './render/error-text.ts'
import { renderJson } from './render/json-document.ts'
import { RunObserver } from './render/run-observer.ts'
import { watchStopSignals } from './stop-signal.ts'

const USAGE_ERROR = 2

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
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR
    return printError(error, 'table')
  }
  return parsed ? runCommand(registry, parsed) : 0
}

async function runCommand(registry: Registry, parsed: ParsedCommand): Promise<number> {
  let format: OutputFormat = 'table'
  const observer = new RunObserver(
    {
      isTerminal: process.stderr.isTTY === true,
      columns: process.stderr.columns ?? 80,
      write: (text) => process.stderr.write(text),
    },
    systemClock,
  )
  const stop = watchStopSignals(() => observer.observe({ type: 'stop_requested' }))
  try {
    format = outputFormat(parsed.outputFormat)
    const loaded = await loadSettings(parsed)
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
      observe: parsed.isQuiet ? () => undefined : observer.observe,
      say,
      signal: stop.signal,
      options: parsed.options,
    }
    const result = await parsed.command.run(context)
    observer.end()
    return printResult(result, format)
  } catch (error) {
    observer.end()
    // What fails because it was told to stop has been interrupted, whatever it says.
    return printError(stop.signal.aborted ? stop.signal.reason : error, format)
  } finally {
    stop.dispose()
  }
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
  throw new KafkaBackupError('KB_USAGE', `--output-format must be table or json, not "${text}"`)
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
