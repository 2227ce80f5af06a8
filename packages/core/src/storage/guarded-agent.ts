import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'

/** How long a connection may be silent, and how many there are at a time. */
export interface AgentLimits {
  readonly silenceMs: number
  readonly socketsMax: number
}

/** Connections that are kept, and that break with ETIMEDOUT when nothing travels in either direction. */
export function guardedAgent(isEncrypted: boolean, { silenceMs, socketsMax }: AgentLimits): HttpAgent {
  const options = { keepAlive: true, maxSockets: socketsMax, timeout: silenceMs }
  const agent = isEncrypted ? new HttpsAgent(options) : new HttpAgent(options)
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (place, callback) => {
    const socket = connect(place, callback)
    // Node only tells; whoever made the socket has to end it.
    socket?.on('timeout', () => socket.destroy(Object.assign(new Error('silence'), { code: 'ETIMEDOUT' })))
    return socket
  }
  return agent
}
