/** Where one combined broker and controller lives. */
export interface BrokerAddress {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly logDir: string
}

/** The properties of broker `self`; `overrides` win over everything. */
export function buildServerProperties(
  self: BrokerAddress,
  all: readonly BrokerAddress[],
  overrides: Readonly<Record<string, string>>,
): Record<string, string> {
  const replicationFactor = String(Math.min(all.length, 3))
  const minIsr = all.length >= 3 ? '2' : '1'
  return {
    'process.roles': 'broker,controller',
    'node.id': String(self.id),
    'controller.quorum.voters': all
      .map((broker) => `${broker.id}@127.0.0.1:${broker.controllerPort}`)
      .join(','),
    listeners: `PLAINTEXT://127.0.0.1:${self.port},CONTROLLER://127.0.0.1:${self.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${self.port}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
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
    .map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`)
    .join('')
}
