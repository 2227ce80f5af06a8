import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkedJava, copyMavenJars } from './maven-jars.ts'
import { ensureOwnPrograms } from './own-programs.ts'
import { ensureCached } from './test-cache.ts'

/** Versions of Apache Kafka that the tests start, newest first. */
export const KAFKA_VERSIONS = ['4.2.1', '3.9.1'] as const

/** One of {@link KAFKA_VERSIONS}. */
export type KafkaVersion = (typeof KAFKA_VERSIONS)[number]

/** The version to test with when one is enough. */
export const LATEST_KAFKA: KafkaVersion = KAFKA_VERSIONS[0]

/** The jars of one version of Kafka and the testkit's own programs, ready for `java -cp`. */
export interface KafkaDistribution {
  readonly version: KafkaVersion
  readonly classpath: string
}

/** A list of jars of Kafka, and the testkit's own programs that are compiled against them. */
interface Distributed {
  /** Begins the names of its folders in the cache. */
  readonly name: string
  /** Has a `pom.xml` and the sources. */
  readonly sources: string
  /** Its name without the version. */
  readonly expectedJar: string
}

const CLUSTER: Distributed = {
  name: 'kafka',
  sources: fileURLToPath(new URL('../kafka', import.meta.url)),
  expectedJar: 'kafka-clients',
}
const APPLICATIONS: Distributed = {
  name: 'kafka-applications',
  sources: fileURLToPath(new URL('../kafka-applications', import.meta.url)),
  expectedJar: 'kafka-streams',
}

/** The jars of `version` from the cache; the first call on a machine downloads them. */
export function ensureKafka(version: KafkaVersion): Promise<KafkaDistribution> {
  return ensure(CLUSTER, version)
}

/** The same for applications: Kafka Streams, and workers of Kafka Connect. They are large, and few tests need them. */
export function ensureKafkaApplications(version: KafkaVersion): Promise<KafkaDistribution> {
  return ensure(APPLICATIONS, version)
}

async function ensure(
  { name, sources, expectedJar }: Distributed,
  version: KafkaVersion,
): Promise<KafkaDistribution> {
  const java = await checkedJava()
  const jars = await ensureCached(`${name}-${version}`, (folder) =>
    copyMavenJars(folder, {
      pomPath: join(sources, 'pom.xml'),
      kafkaVersion: version,
      expectedJar: `${expectedJar}-${version}.jar`,
    }),
  )
  const programs = await ensureOwnPrograms({ name: `${name}-${version}`, sources, jars, java })
  return { version, classpath: `${programs}${delimiter}${join(jars, '*')}` }
}
