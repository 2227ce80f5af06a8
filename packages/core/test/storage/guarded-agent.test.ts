import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Agent, createServer, Agent as HttpAgent, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { guardedAgent, guardRequests } from '../../src/storage/guarded-agent.ts'

const SILENCE_MS = 300

describe('connections that are guarded', { timeout: 30_000 }, () => {
  let server: Server
  let port: number
  let connections = 0

  before(async () => {
    server = createServer(async ({ url }, response) => {
      if (url === '/silent') return
      response.write('a')
      for (let at = 0; url === '/slow' && at < 6; at++) {
        await delay(SILENCE_MS / 3)
        response.write('a')
      }
      if (url !== '/half') response.end()
    })
    server.on('connection', () => connections++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  async function get(agent: Agent, path: string): Promise<string> {
    const sent = request({ agent, host: '127.0.0.1', port, path }).end()
    const [response] = await once(sent, 'response')
    // It hears of it too when the answer breaks off.
    sent.on('error', () => {})
    return text(response)
  }

  it('break when nothing comes, neither a first byte nor the next one', async () => {
    const agent = guardedAgent(false, { silenceMs: SILENCE_MS, socketsMax: 4 })
    await assert.rejects(get(agent, '/silent'), { code: 'ETIMEDOUT' })
    await assert.rejects(get(agent, '/half'))
    agent.destroy()
  })

  it('last as long as bytes come, and are used again', async () => {
    const agent = guardedAgent(false, { silenceMs: SILENCE_MS, socketsMax: 4 })
    const begun = connections
    assert.equal(await get(agent, '/slow'), 'a'.repeat(7))
    await delay(10)
    assert.equal(await get(agent, '/quick'), 'a')
    assert.equal(connections, begun + 1)
    // The rule is still there for a connection that is used again.
    await assert.rejects(get(agent, '/silent'), { code: 'ETIMEDOUT' })
    assert.equal(connections, begun + 1)
    agent.destroy()
  })

  it('of others break in the same way, also when there is no connection at all', async () => {
    const agent = new HttpAgent()
    guardRequests(agent, SILENCE_MS)
    assert.equal(await get(agent, '/slow'), 'aaaaaaa')
    await assert.rejects(get(agent, '/silent'), { code: 'ETIMEDOUT' })
    const proxied = new HttpAgent()
    // As an agent for a proxy that never answers to CONNECT.
    proxied.createConnection = () => undefined
    guardRequests(proxied, SILENCE_MS)
    await assert.rejects(get(proxied, '/'), { code: 'ETIMEDOUT' })
  })
})
