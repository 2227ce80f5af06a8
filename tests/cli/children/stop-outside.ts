// Has a program told to stop while it is being loaded, or when it has printed its result, as WHEN says.
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const LATE_MS = 10_000

function stop(): void {
  process.kill(process.pid, 'SIGTERM')
}

function stopWhenLoading(name: string): void {
  registerHooks({
    load(url, context, nextLoad) {
      if (url.endsWith(name)) stop()
      return nextLoad(url, context)
    },
  })
}

function stopAtTheEnd(): void {
  process.once('beforeExit', () => {
    stop()
    // Time to hear of it.
    setTimeout(() => undefined, LATE_MS)
  })
}

if (isMainThread && process.env.WHEN === 'before') stopWhenLoading('/src/main.ts')
if (isMainThread && process.env.WHEN === 'after') stopAtTheEnd()
