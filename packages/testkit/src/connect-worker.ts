import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findFreePorts } from './free-port.ts'
import { KafkaApplication } from './kafka-application.ts'
import { ensureKafkaApplications, type KafkaVersion } from './kafka-distribution.ts'
import { formatProperties } from './server-properties.ts'

/** Where a worker of Kafka Connect works. `folder` holds its configuration, and may be new. */
export interface WorkerPlace {
  readonly version: KafkaVersion
  readonly bootstrap: string
  readonly folder: string
}

/** The topics in which a worker keeps everything that it knows. */
export const CONNECT_TOPICS = ['connect-configs', 'connect-offsets', 'connect-status'] as const

const REQUEST_TIMEOUT_MS = 30_000

/** One worker of Kafka Connect in distributed mode: its configuration, offsets and status are in topics, nothing is on a disk. */
export class ConnectWorker implements AsyncDisposable {
  readonly application: KafkaApplication
  readonly #url: string

  private constructor(application: KafkaApplication, url: string) {
    this.application = application
    this.#url = url
  }

  /** Returns when the JVM is started; the worker answers some seconds later. */
  static async start(place: WorkerPlace): Promise<ConnectWorker> {
    const { classpath } = await ensureKafkaApplications(place.version)
    const [port] = await findFreePorts(1)
    const url = `http://127.0.0.1:${port}`
    const file = join(place.folder, 'worker.properties')
    await mkdir(place.folder, { recursive: true })
    await writeFile(file, formatProperties(workerProperties(place.bootstrap, url)))
    const program = 'org.apache.kafka.connect.cli.ConnectDistributed'
    return new ConnectWorker(new KafkaApplication({ classpath, program, args: [file] }), url)
  }

  /** Creates a connector, or changes it. */
  async configure(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify(config)
    await this.#ask(`/connectors/${name}/config`, { method: 'PUT', headers, body })
  }

  /** Names of all connectors. */
  async connectors(): Promise<string[]> {
    return (await this.#ask('/connectors')) as string[]
  }

  async #ask(path: string, options: RequestInit = {}): Promise<unknown> {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const response = await fetch(`${this.#url}${path}`, { ...options, signal })
    const said = await response.text()
    if (!response.ok) throw new Error(`the worker answered ${response.status}: ${said}`)
    return JSON.parse(said)
  }

  /** Lets its tasks commit what they did. */
  stop(): Promise<void> {
    return this.application.stop('signal')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.application.kill()
  }
}

function workerProperties(bootstrap: string, url: string): Record<string, string> {
  const converter = 'org.apache.kafka.connect.storage.StringConverter'
  const [configs, offsets, status] = CONNECT_TOPICS
  return {
    'bootstrap.servers': bootstrap,
    'group.id': 'connect-workers',
    listeners: url,
    'key.converter': converter,
    'value.converter': converter,
    'config.storage.topic': configs,
    'config.storage.replication.factor': '1',
    'offset.storage.topic': offsets,
    'offset.storage.replication.factor': '1',
    'offset.storage.partitions': '2',
    'offset.flush.interval.ms': '500',
    'status.storage.topic': status,
    'status.storage.replication.factor': '1',
    'status.storage.partitions': '2',
  }
}
