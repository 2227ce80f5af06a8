import type { SecureListener } from './secure-listeners.ts'

/** A listener next to PLAINTEXT and where it listens on one broker. */
export interface PlacedListener {
  readonly listener: SecureListener
  readonly port: number
}

/** Where one combined broker and controller lives. */
export interface BrokerAddress {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly logDir: string
  readonly secureListeners: readonly PlacedListener[]
}

/** The properties of broker `self`; `overrides` win over everything. */
export function buildServerProperties(
  self: BrokerAddress,
  all: readonly BrokerAddress[],
  overrides: Readonly<Record<string, string>>,
): Record<string, string> {
  const replicationFactor = String(Math.min(all.length, 3))
  const minIsr = all.length >= 3 ? '2' : '1'
  const secure = self.secureListeners
  const bound = secure.map(({ listener, port }) => `,${listener.name}://127.0.0.1:${port}`).join('')
  const advertised = secure
    .map(({ listener, port }) => `,${listener.name}://${listener.host ?? '127.0.0.1'}:${port}`)
    .join('')
  const protocols = secure.map(({ listener }) => `,${listener.name}:${listener.protocol}`).join('')
  return {
    'process.roles': 'broker,controller',
    'node.id': String(self.id),
    'controller.quorum.voters': all
      .map((broker) => `${broker.id}@127.0.0.1:${broker.controllerPort}`)
      .join(','),
    listeners: `PLAINTEXT://127.0.0.1:${self.port},CONTROLLER://127.0.0.1:${self.controllerPort}${bound}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${self.port}${advertised}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${protocols}`,
    'log.dirs': self.logDir,
    'offsets.topic.replication.factor': replicationFactor,
    'offsets.topic.num.partitions': '3',
    'transaction.state.log.replication.factor': replicationFactor,
    'transaction.state.log.min.isr': minIsr,
    'transaction.state.log.num.partitions': '3',
    'share.coordinator.state.topic.replication.factor': replicationFactor,
    'share.coordinator.state.topic.min.isr': minIsr,
    'group.initial.rebalance.delay.ms': '0',
    // A test that misspells a topic must fail instead of reading an empty one.
    'auto.create.topics.enable': 'false',
    // Records with timestamps of long ago must not vanish during a test.
    'log.retention.ms': '-1',
    // The default of 128 MiB is a third of the heap.
    'log.cleaner.dedupe.buffer.size': '16777216',
    // A killed broker may register again only when its old session is over: the default makes that 9 s.
    'broker.session.timeout.ms': all.length === 1 ? '2000' : '4000',
    'broker.heartbeat.interval.ms': all.length === 1 ? '300' : '500',
    'num.network.threads': '2',
    'num.io.threads': '4',
    ...overrides,
  }
}

/** The properties as the text of a Java properties file. */
export function formatProperties(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${escaped(value)}\n`)
    .join('')
}

/** Java reads such files as ISO 8859-1. */
function escaped(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
