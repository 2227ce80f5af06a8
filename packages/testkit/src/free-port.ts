import { createServer } from 'node:net'

// Below the ports that systems hand out for outgoing connections (from 32768 on Linux): a client that keeps
// connecting to a stopped broker in that range can end up connected to itself.
const FIRST_PORT = 15_000
const PORT_COUNT = 17_000
const ATTEMPTS = 200

/**
 * `count` different ports of 127.0.0.1 that were free a moment ago. Another process may take one before it is
 * used, so the caller must be ready to try again.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let attempt = 0; attempt < ATTEMPTS && ports.size < count; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT)
    if (await isFree(port)) ports.add(port)
  }
  if (ports.size < count) throw new Error(`found no ${count} free ports on 127.0.0.1 in ${ATTEMPTS} attempts`)
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
