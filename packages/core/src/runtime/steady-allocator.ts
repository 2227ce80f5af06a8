import { existsSync } from 'node:fs'

/**
 * What the allocator of glibc reads when a program starts (mallopt(3)). By default it keeps up to eight arenas a core, and learns from the
 * first large block that is freed to take blocks of up to 32 MiB from the heap of the process, which only shrinks at its end.
 * What runs for weeks holds more from hour to hour so, though it needs no more. Other allocators do not read it.
 */
const STEADY: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '65536',
  MALLOC_TRIM_THRESHOLD_: '131072',
}

/** A process, as far as this needs one. */
export type RestartedProcess = Pick<
  NodeJS.Process,
  'platform' | 'env' | 'execPath' | 'execArgv' | 'argv' | 'execve' | 'permission'
>

/**
 * Starts the program again, in this process and with the same arguments, so that its allocator gives memory back. Only before anything
 * is opened. Returns where that is done already, where the operator has chosen one of the settings, and where it cannot be done.
 */
export function restartWithSteadyAllocator(own: RestartedProcess = process): void {
  const { platform, env, execPath, execArgv, argv } = own
  if (platform !== 'linux' || own.execve === undefined) return
  if (Object.keys(STEADY).some((name) => env[name] !== undefined)) return
  // It ends the process when it fails: where it is not permitted, and where the program was replaced since.
  if (own.permission !== undefined || !existsSync(execPath)) return
  own.execve(execPath, [execPath, ...execArgv, ...argv.slice(1)], { ...env, ...STEADY })
}
