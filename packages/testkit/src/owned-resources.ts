/** Something that must not outlive this process. Called once, synchronously, while the process exits. */
type Removal = () => void

const removals = new Set<Removal>()
let isInstalled = false

/** Runs `removal` if the process exits before the returned function is called. */
export function removeAtExit(removal: Removal): () => void {
  installExitHooks()
  removals.add(removal)
  return () => removals.delete(removal)
}

function installExitHooks(): void {
  if (isInstalled) return
  isInstalled = true
  // 'exit' covers the normal end, process.exit and uncaught exceptions; a signal skips it, so make it one.
  process.on('exit', removeAll)
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => {
      // Whoever else listens decides when to exit; the exit hook still runs then.
      if (process.listenerCount(signal) === 1) process.exit(exitCode)
    })
  }
}

function removeAll(): void {
  // In order of registration reversed: processes die before the folder that they write to is removed.
  for (const removal of [...removals].reverse()) {
    try {
      removal()
    } catch {
      // The process is exiting; the other removals still have to run.
    }
  }
  removals.clear()
}
