// Has a program told to stop as soon as it listens for that, before it has read its configuration.
import { isMainThread } from 'node:worker_threads'

const isRestarted = process.env.MALLOC_ARENA_MAX !== undefined

function stop(name: string | symbol): void {
  // The first one is there before the program.
  if (name !== 'SIGTERM' || process.listenerCount(name) === 0) return
  process.off('newListener', stop)
  setImmediate(() => process.kill(process.pid, 'SIGTERM'))
}

if (isMainThread && !isRestarted) process.on('newListener', stop)
