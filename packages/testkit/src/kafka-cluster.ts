import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BROKER_PROGRAM, Broker, type BrokerCompiler, type BrokerSetup } from './broker-process.ts'
import { withCacheLock } from './cache-lock.ts'
import { archivePath } from './class-archive.ts'
import { findFreePorts } from './free-port.ts'
import { ensureKafka, type KafkaDistribution, type KafkaVersion, LATEST_KAFKA } from './kafka-distribution.ts'
import { KafkaTools } from './kafka-tools.ts'
import {
  type ClusterUser,
  listenerProperties,
  listenerSystemProperties,
  type SecureListener,
  scramArguments,
} from './secure-listeners.ts'
import { type BrokerAddress, buildServerProperties, formatProperties } from './server-properties.ts'
import { openTempFolder, type TempFolder } from './temp-folder.ts'
import { runTool } from './tool-run.ts'

/** What a test may choose about its cluster. */
export interface KafkaClusterOptions {
  readonly version?: KafkaVersion
  /** Ids are 1, or 1 to 3; each is broker and controller. */
  readonly brokers?: 1 | 3
  /** Server properties of every broker; they win over those of the testkit. */
  readonly properties?: Readonly<Record<string, string>>
  /** Listeners next to PLAINTEXT, on every broker. */
  readonly secureListeners?: readonly SecureListener[]
  /** For listeners with PLAIN and SCRAM. */
  readonly users?: readonly ClusterUser[]
  /** Heap of each broker in MiB. */
  readonly heapMb?: number
  /** `quick` (the default) starts brokers with half the work, `best` lets them reach their full speed: for benches. */
  readonly compiler?: BrokerCompiler
  /** Patience for each start of a broker. */
  readonly readyTimeoutMs?: number
}

const START_ATTEMPTS = 4
const READY_TIMEOUT_MS = 120_000
const DEFAULT_HEAP_MB = { 1: 768, 3: 448 } as const
const BIND_FAILURE = /Address already in use|BindException|Failed to bind|Socket server failed to bind/i

/** Real brokers of this test process. Close it, or let the process end. */
export class KafkaCluster implements AsyncDisposable {
  readonly version: KafkaVersion
  readonly classpath: string
  readonly clusterId: string
  /** Everything of this cluster: properties, logs, data. Removed by {@link KafkaCluster.close}. */
  readonly folder: string
  readonly brokers: readonly Broker[]
  readonly tools: KafkaTools
  readonly #tempFolder: TempFolder

  constructor(
    distribution: KafkaDistribution,
    clusterId: string,
    parts: { brokers: readonly Broker[]; tempFolder: TempFolder },
  ) {
    this.version = distribution.version
    this.classpath = distribution.classpath
    this.clusterId = clusterId
    this.folder = parts.tempFolder.path
    this.brokers = parts.brokers
    this.#tempFolder = parts.tempFolder
    this.tools = new KafkaTools({ distribution, bootstrap: this.bootstrap, scratchFolder: this.folder })
  }

  /** `host:port` of every broker. */
  get bootstrapServers(): string[] {
    return this.brokers.map((broker) => `127.0.0.1:${broker.port}`)
  }

  /** The same in one string, separated by commas. */
  get bootstrap(): string {
    return this.bootstrapServers.join(',')
  }

  /** `host:port` of every broker for one of its secure listeners. */
  listener(name: string): string[] {
    return this.brokers.map((broker) => broker.listenerAddress(name))
  }

  /** The broker of that id; ids begin with 1. */
  broker(id: number): Broker {
    const broker = this.brokers.find((candidate) => candidate.id === id)
    if (!broker) throw new Error(`no broker ${id} in this cluster`)
    return broker
  }

  /** Kills all brokers and removes the folder. */
  async close(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()))
    await this.#tempFolder.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Starts brokers on free ports of 127.0.0.1; topics can be created as soon as this resolves. */
export async function startKafkaCluster(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  const distribution = await ensureKafka(options.version ?? LATEST_KAFKA)
  await archiveBrokerClasses(distribution)
  return startCluster(distribution, options)
}

/** Brokers are killed at the end of a test, and leave no archive of their classes: one that is stopped does it for all others. */
async function archiveBrokerClasses(distribution: KafkaDistribution): Promise<void> {
  const archive = archivePath(distribution.classpath, BROKER_PROGRAM)
  if (existsSync(archive)) return
  await withCacheLock(`${archive}.lock`, async () => {
    if (existsSync(archive)) return
    await using cluster = await startCluster(distribution, {})
    await cluster.broker(1).stop()
    // A Java without archives of its own makes none of ours either: that is not to be tried each time.
    if (!existsSync(archive)) await writeFile(archive, '')
  })
}

async function startCluster(
  distribution: KafkaDistribution,
  options: KafkaClusterOptions,
): Promise<KafkaCluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await prepareCluster(distribution, options)
    try {
      for (const broker of cluster.brokers) broker.launch()
      const ids = cluster.brokers.map((broker) => broker.id)
      await Promise.all(cluster.brokers.map((broker) => broker.waitUntilReady(ids)))
      return cluster
    } catch (error) {
      const outputs = await Promise.all(cluster.brokers.map((broker) => broker.readOutput().catch(() => '')))
      await cluster.close()
      const lostPort = outputs.some((output) => BIND_FAILURE.test(output))
      if (!lostPort || attempt === START_ATTEMPTS) throw error
    }
  }
}

async function prepareCluster(
  distribution: KafkaDistribution,
  options: KafkaClusterOptions,
): Promise<KafkaCluster> {
  const tempFolder = await openTempFolder('kafka-backup-test-')
  try {
    const clusterId = newClusterId()
    const setups = await planBrokers(distribution, clusterId, { folder: tempFolder.path, options })
    await Promise.all(setups.map((setup) => writeAndFormat(setup, setups, options)))
    const brokers = setups.map((setup) => new Broker(setup))
    return new KafkaCluster(distribution, clusterId, { brokers, tempFolder })
  } catch (error) {
    await tempFolder.close()
    throw error
  }
}

/** A Kafka uuid in base64url. The first bit stays 0: an id that begins with "-" reads as an option. */
function newClusterId(): string {
  const bytes = randomBytes(16)
  bytes[0] = bytes[0]! & 0x7f
  return bytes.toString('base64url')
}

async function planBrokers(
  distribution: KafkaDistribution,
  clusterId: string,
  { folder, options }: { folder: string; options: KafkaClusterOptions },
): Promise<BrokerSetup[]> {
  const count = options.brokers ?? 1
  const listeners = options.secureListeners ?? []
  const portsEach = 2 + listeners.length
  const ports = await findFreePorts(portsEach * count)
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    port: ports[portsEach * index]!,
    controllerPort: ports[portsEach * index + 1]!,
    secureListeners: listeners.map((listener, at) => ({
      listener,
      port: ports[portsEach * index + 2 + at]!,
    })),
    systemProperties: listenerSystemProperties(listeners),
    logDir: join(folder, `broker-${index + 1}`, 'data'),
    distribution,
    clusterId,
    propertiesFile: join(folder, `broker-${index + 1}`, 'server.properties'),
    outputFile: join(folder, `broker-${index + 1}`, 'output.log'),
    heapMb: options.heapMb ?? DEFAULT_HEAP_MB[count],
    compiler: options.compiler ?? 'quick',
    readyTimeoutMs: options.readyTimeoutMs ?? READY_TIMEOUT_MS,
  }))
}

async function writeAndFormat(
  setup: BrokerSetup,
  all: readonly BrokerAddress[],
  options: KafkaClusterOptions,
): Promise<void> {
  await mkdir(setup.logDir, { recursive: true })
  const users = options.users ?? []
  const { version } = setup.distribution
  const security = (options.secureListeners ?? []).map((entry) =>
    listenerProperties(entry, { version, users }),
  )
  const overrides = Object.assign({}, ...security, options.properties)
  await writeFile(setup.propertiesFile, formatProperties(buildServerProperties(setup, all, overrides)))
  const format = ['format', '-t', setup.clusterId, '-c', setup.propertiesFile, ...scramArguments(users)]
  const { exitCode, stdout, stderr } = await runTool(setup.distribution, 'kafka.tools.StorageTool', format)
  if (exitCode !== 0) throw new Error(`could not format broker ${setup.id}:\n${stdout}${stderr}`)
}
