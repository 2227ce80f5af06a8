import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  contentDifference,
  decompressSegment,
  digestTopics,
  type FillJob,
  fillTopics,
  type KafkaCluster,
  parseDumpedBatches,
  startKafkaCluster,
} from '@kafka-backup/testkit'

const PROGRAM = fileURLToPath(new URL('../packages/cli/bin/kafka-backup.js', import.meta.url))
const TOPICS = ['orders', 'payments', 'clicks']
const PARTITIONS = 4
const RECORDS = Number(process.env.DEMO_RECORDS ?? 1_000_000)

/** The three topics: no compression, lz4 and zstd; with keys, null keys, headers and tombstones. */
function jobs(): FillJob[] {
  const common = {
    maxHeaders: 3,
    tombstoneEvery: 100,
    nullKeyEvery: 50,
    lingerMs: 20,
    batchBytes: 65_536,
  } as const
  return [
    {
      topic: 'orders',
      records: Math.round(RECORDS * 0.4),
      valueBytes: 700,
      compression: 'none',
      seed: 1,
      ...common,
    },
    {
      topic: 'payments',
      records: Math.round(RECORDS * 0.3),
      valueBytes: 500,
      compression: 'lz4',
      seed: 2,
      ...common,
    },
    {
      topic: 'clicks',
      records: Math.round(RECORDS * 0.3),
      valueBytes: 200,
      compression: 'zstd',
      seed: 3,
      ...common,
    },
  ]
}

const beganMs = performance.now()
const folder = await mkdtemp(join(tmpdir(), 'kafka-backup-demo-'))
try {
  process.exitCode = await demo(folder)
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function demo(root: string): Promise<number> {
  const repository = join(root, 'repository')
  const location = pathToFileURL(repository).href
  step('A real Kafka broker')
  await using cluster = await startKafkaCluster({ heapMb: 768 })
  say(`Apache Kafka ${cluster.version} on ${cluster.bootstrap}`)
  for (const topic of TOPICS) await cluster.tools.createTopic(topic, { partitions: PARTITIONS })

  step(`${RECORDS.toLocaleString('en-US')} records through Kafka's own producer`)
  for (const result of await fillTopics(cluster, jobs())) {
    say(
      `${result.topic}: ${result.acknowledged.toLocaleString('en-US')} records in ${seconds(result.elapsedMs)}`,
    )
  }
  const before = await digestTopics(cluster, TOPICS, join(root, 'before'))

  step('Back up')
  const backup = await run('backup', [
    '--bootstrap-servers',
    cluster.bootstrap,
    '--topics',
    TOPICS.join(','),
    '--repo',
    location,
    '--backup-id',
    'demo',
  ])
  step('What is in the repository')
  await printTree(repository)
  step('Validate every byte')
  await run('validate', ['--repo', location, '--backup-id', 'demo', '--deep'])
  step('Your archive is yours: decompress a segment and let Kafka read it')
  await showSegment(cluster, join(repository, 'demo/topics/payments/partition=0'), root)

  step('Disaster: the topics are deleted')
  for (const topic of TOPICS) await cluster.tools.deleteTopic(topic)
  await waitUntilGone(cluster)
  say(TOPICS.join(', '))
  step('Restore')
  const restore = await run('restore', [
    '--bootstrap-servers',
    cluster.bootstrap,
    '--repo',
    location,
    '--backup-id',
    'demo',
  ])

  step("Compare every record, read by Kafka's own consumer before and after")
  const differences = await compare(before, await digestTopics(cluster, TOPICS, join(root, 'after')))
  printSummary(backup, restore, before, differences)
  return differences.length === 0 ? 0 : 1
}

async function compare(
  before: Awaited<ReturnType<typeof digestTopics>>,
  after: Awaited<ReturnType<typeof digestTopics>>,
): Promise<string[]> {
  const differences: string[] = []
  for (const source of before) {
    const target = after.find((entry) => entry.topic === source.topic && entry.partition === source.partition)
    const difference = target
      ? await contentDifference(source, target)
      : `${source.topic}/${source.partition} is missing`
    if (difference !== undefined) differences.push(difference)
  }
  const total = before.reduce((sum, entry) => sum + entry.records, 0)
  say(
    `${total.toLocaleString('en-US')} records: key, value, headers, timestamp and order ${differences.length === 0 ? 'are the same' : 'DIFFER'}`,
  )
  for (const difference of differences) say(difference)
  return differences
}

interface Report {
  readonly records: number
  readonly raw_bytes: number
  readonly stored_bytes: number
  readonly duration_ms: number
}

function printSummary(
  backup: Report,
  restore: Report,
  before: readonly { records: number }[],
  differences: string[],
): void {
  step('Summary')
  const rate = (report: Report) => `${(report.raw_bytes / 1_000 / report.duration_ms).toFixed(0)} MB/s`
  const records = before.reduce((sum, entry) => sum + entry.records, 0)
  const isWhole = backup.records === records && restore.records === records
  if (!isWhole)
    differences.push(
      `counts differ: ${records} written, ${backup.records} backed up, ${restore.records} restored`,
    )
  say(`records   ${records.toLocaleString('en-US')}`)
  say(
    `backup    ${rate(backup)}, ${(backup.raw_bytes / 1e6).toFixed(0)} MB on the broker, ${(backup.stored_bytes / 1e6).toFixed(0)} MB stored, ratio ${(backup.raw_bytes / backup.stored_bytes).toFixed(1)}`,
  )
  say(`restore   ${rate(restore)}`)
  say(
    `result    ${differences.length === 0 ? 'every record is back, byte for byte' : differences.join('; ')}`,
  )
  say(`took      ${seconds(performance.now() - beganMs)}`)
}

/** Runs the program as a user would; what it says to people goes to the terminal, its result is returned. */
function run(verb: string, args: readonly string[]): Promise<Report> {
  console.log(`  $ kafka-backup ${verb} ${args.join(' ')}`)
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, verb, ...args, '--output-format', 'json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const output: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.on('error', reject)
    child.on('close', (exitCode) => {
      const text = Buffer.concat(output).toString()
      if (exitCode !== 0) reject(new Error(`kafka-backup ${verb} ended with exit code ${exitCode}\n${text}`))
      else {
        const report = JSON.parse(text) as Report & { verdict?: string; outcome?: string }
        say(`${report.outcome ?? report.verdict}`)
        resolve(report)
      }
    })
  })
}

async function printTree(path: string, indent = '  '): Promise<void> {
  for (const entry of (await readdir(path, { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (entry.name.startsWith('.')) continue
    const child = join(path, entry.name)
    if (entry.isDirectory()) {
      console.log(`${indent}${entry.name}/`)
      await printTree(child, `${indent}  `)
    } else console.log(`${indent}${entry.name}  ${(await stat(child)).size.toLocaleString('en-US')} bytes`)
  }
}

async function showSegment(cluster: KafkaCluster, partition: string, root: string): Promise<void> {
  const [name = ''] = (await readdir(partition)).sort()
  const log = join(root, '00000000000000000000.log')
  const content = await decompressSegment(join(partition, name))
  await writeFile(log, content)
  const batches = parseDumpedBatches(await cluster.tools.dumpLogSegments(log, { deep: true }))
  const records = batches.reduce((sum, batch) => sum + batch.records.length, 0)
  const isValid = batches.every((batch) => batch.isValid)
  say(`${name}: ${content.length.toLocaleString('en-US')} bytes after zstd -d`)
  say(
    `kafka.tools.DumpLogSegments reads ${batches.length.toLocaleString('en-US')} batches, ${records.toLocaleString('en-US')} records, ${isValid ? 'all valid' : 'NOT VALID'}`,
  )
  if (!isValid || records === 0) throw new Error('Kafka could not read the segment')
}

async function waitUntilGone(cluster: KafkaCluster): Promise<void> {
  for (let attempt = 0; attempt < 30; attempt++) {
    const listed = await cluster.tools.run('org.apache.kafka.tools.TopicCommand', [
      '--bootstrap-server',
      cluster.bootstrap,
      '--list',
    ])
    if (TOPICS.every((topic) => !listed.stdout.split('\n').includes(topic))) return
  }
  throw new Error('the topics were not deleted')
}

function step(title: string): void {
  console.log(`\n${title}`)
}

function say(text: string): void {
  console.log(`  ${text}`)
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`
}
