import { type ClientRequest, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { systemClock } from '../runtime/clock.ts'

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
    socket?.on('timeout', () => socket.destroy(silence()))
    return socket
  }
  return agent
}

/** What Node does not declare: how each request comes to an agent, and how it hears that there is no connection for it. */
interface RequestTaker {
  addRequest(request: ClientRequest & ConnectionTaker, options: object): void
}

interface ConnectionTaker {
  onSocket(socket: null, error: Error): void
}

/**
 * The same for the connections of an agent that somebody else made, such as one for a proxy: its requests break with ETIMEDOUT when
 * there is no connection after `silenceMs`, and when nothing travels on it for so long. Call it once for each agent.
 */
export function guardRequests(agent: HttpAgent, silenceMs: number): void {
  const taker = agent as unknown as RequestTaker
  const addRequest = taker.addRequest.bind(agent)
  taker.addRequest = (request, options) => {
    const waiting = new AbortController()
    const giveUp = () => {
      // A request without a connection tells nobody that it was destroyed, and hears of the end of the attempt later.
      request.destroy().onSocket(null, silence())
      request.on('error', () => {})
    }
    void systemClock.sleep(silenceMs, waiting.signal).then(giveUp, () => undefined)
    for (const end of ['socket', 'close']) request.once(end, () => waiting.abort())
    request.setTimeout(silenceMs, () => request.destroy(silence()))
    addRequest(request, options)
  }
}

function silence(): Error {
  return Object.assign(new Error('silence'), { code: 'ETIMEDOUT' })
}
