// Has a program told to stop as soon as it listens for that, before it has read its configuration.
import { isMainThread } from 'node:worker_threads'

const isRestarted = process.env.MALLOC_ARENA_MAX !== undefined

function stop(name: string | symbol): void {
  if (name !== 'SIGTERM') return
  process.off('newListener', stop)
  setImmediate(() => process.kill(process.pid, 'SIGTERM'))
}

if (isMainThread && !isRestarted) process.on('newListener', stop)
