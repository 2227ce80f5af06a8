import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** An address that answers to no attempt to connect, as one behind a firewall that drops what it does not want. */
export interface BlackHole extends AsyncDisposable {
  readonly endpoint: string
}

/** It listens, and never takes anything from its queue. */
const PROGRAM = `
  const { parentPort } = require('node:worker_threads')
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
/** More than a queue of one takes, on every system. */
const FILLERS = 8
const SETTLING_MS = 100

/** Listens on a free port of 127.0.0.1, with a queue that is full. */
export async function openBlackHole(): Promise<BlackHole> {
  const worker = new Worker(PROGRAM, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  const fillers = Array.from({ length: FILLERS }, () => connect(port, '127.0.0.1').on('error', () => {}))
  // Those that find a place are connected by now; the others never are.
  await delay(SETTLING_MS)
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy()
      await worker.terminate()
    },
  }
}
