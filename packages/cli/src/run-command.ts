import type { ConfigSources, LoadedConfig, Observer, Registry } from '@kafka-backup/core'
import { loadConfig } from '@kafka-backup/core/config'
import { isKafkaBackupError, KafkaBackupError } from '@kafka-backup/core/errors'
import {
  boundGarbage,
  invariant,
  isOfStop,
  restartWithSteadyAllocator,
  systemClock,
  systemRandom,
} from '@kafka-backup/core/runtime'
import { saying } from './before-writing.ts'
import type { CommandContext, CommandLine, CommandResult, OutputFormat, PrintedResult } from './command.ts'
import { withPastableHint } from './pastable-hint.ts'
import { printError } from './print-error.ts'
import { formatsOf, type ParsedCommand } from './program.ts'
import { isDocumentFormat, renderDocument } from './render/render-document.ts'
import { RunObserver } from './render/run-observer.ts'
import { watchStopSignals } from './stop-signal.ts'
import { NOTHING_STARTED } from './usage-error.ts'

/** Runs the verb that was chosen and prints its result. Returns the exit code; never throws. */
export async function runCommand(
  openRegistry: () => Promise<Registry>,
  parsed: ParsedCommand,
): Promise<number> {
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
    parsed.line.verb,
  )
  const observe: Observer = parsed.isQuiet ? () => undefined : observer.observe
  const stop = watchStopSignals(() => observe({ type: 'stop_requested' }))
  using _garbage = boundGarbage(systemClock)
  try {
    format = outputFormat(parsed.line, parsed.outputFormat)
    const say = (text: string) => {
      if (!parsed.isQuiet) process.stderr.write(`${text}\n`)
    }
    if (parsed.line.isAboutSettings === true)
      return printResult(await examined(parsed, { registry: await openRegistry(), say }), format)
    loaded = await loadConfig(sourcesOf(parsed)).catch((error: unknown) => {
      throw saying(error, NOTHING_STARTED)
    })
    if (isWithoutEnd(parsed, loaded)) await restart(loaded, stop.signal)
    for (const warning of loaded.warnings) say(`Warning: ${warning}`)
    const context: CommandContext = {
      loaded,
      registry: await openRegistry(),
      outputFormat: format,
      clock: systemClock,
      random: systemRandom,
      observe,
      say,
      signal: stop.signal,
      options: parsed.options,
      words: parsed.words,
    }
    const command = await parsed.line.load()
    invariant('run' in command, `${parsed.line.name} runs`)
    const result = await command.run(context)
    observer.end()
    return printResult(result, format)
  } catch (error) {
    observer.end()
    return printError(withPastableHint(failureOf(error, stop.signal), loaded?.config), format)
  } finally {
    stop.dispose()
  }
}

function isWithoutEnd({ line, options }: ParsedCommand, { config }: LoadedConfig): boolean {
  return line.verb === 'backup' && config.backup.isContinuous && options.dryRun !== true
}

/** Not with a configuration that only this process has read, nor after a signal, of which the new program would know nothing. */
async function restart({ isReadOnce }: LoadedConfig, signal: AbortSignal): Promise<void> {
  // Signals that came meanwhile are noticed in the next turn.
  await systemClock.sleep(0)
  if (!isReadOnce && !signal.aborted) restartWithSteadyAllocator()
}

/** What fails because it was told to stop has been interrupted, whatever it says; anything else is told with its own code. */
function failureOf(error: unknown, signal: AbortSignal): unknown {
  return isOfStop(error, signal) && !isKafkaBackupError(error, 'KB_INTERRUPTED') ? signal.reason : error
}

async function examined(
  parsed: ParsedCommand,
  context: Pick<CommandContext, 'registry' | 'say'>,
): Promise<CommandResult> {
  const command = await parsed.line.load()
  invariant('examine' in command, `${parsed.line.name} looks at settings`)
  return command.examine(sourcesOf(parsed), { ...context, options: parsed.options })
}

function sourcesOf(parsed: ParsedCommand): ConfigSources {
  return {
    verb: parsed.line.verbWith?.(parsed.options) ?? parsed.line.verb,
    ...(parsed.configFile === undefined ? {} : { file: parsed.configFile }),
    flags: Object.fromEntries([...parsed.flags].map(([setting, value]) => [setting.path, value])),
    env: process.env,
    cwd: process.cwd(),
  }
}

function outputFormat(line: CommandLine, text: string): OutputFormat {
  const formats = formatsOf(line)
  const format = formats.find((known) => known === text)
  if (format) return format
  const names = `${formats.slice(0, -1).join(', ')} or ${formats.at(-1)}`
  throw new KafkaBackupError(
    'KB_USAGE',
    `--output-format must be ${names}, not "${text}". ${NOTHING_STARTED}`,
  )
}

function printResult(result: CommandResult | PrintedResult, format: OutputFormat): number {
  if (!('text' in result)) return result.exitCode
  process.stdout.write(isDocumentFormat(format) ? renderDocument(result.document, format) : result.text)
  // By itself: joined to the end of a long result it would be a second copy of it.
  process.stdout.write('\n')
  return result.exitCode
}
