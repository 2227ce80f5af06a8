/** One partition as kafka-topics --describe shows it. */
export interface DescribedPartition {
  readonly partition: number
  /** Null while the partition has no leader. */
  readonly leader: number | null
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

/** One topic as kafka-topics --describe shows it. */
export interface DescribedTopic {
  readonly topicId: string
  readonly replicationFactor: number
  /** Only what differs from the broker's defaults. */
  readonly config: Readonly<Record<string, string>>
  readonly partitions: readonly DescribedPartition[]
}

/** Reads the output of kafka-topics --describe for one topic. */
export function parseDescribedTopic(stdout: string): DescribedTopic {
  const [head = '', ...lines] = stdout.split('\n').filter((line) => line.includes('Topic: '))
  const field = fieldReader(head)
  return {
    topicId: field('TopicId'),
    replicationFactor: Number(field('ReplicationFactor')),
    config: parseConfig(field('Configs')),
    partitions: lines.map(parsePartition).sort((a, b) => a.partition - b.partition),
  }
}

function parsePartition(line: string): DescribedPartition {
  const field = fieldReader(line)
  const leader = Number(field('Leader'))
  return {
    partition: Number(field('Partition')),
    leader: Number.isInteger(leader) && leader >= 0 ? leader : null,
    replicas: parseIds(field('Replicas')),
    inSync: parseIds(field('Isr')),
  }
}

function parseIds(list: string): number[] {
  return list === '' ? [] : list.split(',').map(Number)
}

function parseConfig(list: string): Record<string, string> {
  const config: Record<string, string> = {}
  let lastKey = ''
  for (const part of list === '' ? [] : list.split(',')) {
    const at = part.indexOf('=')
    // A part without "=" goes on with the value before: cleanup.policy=compact,delete
    if (at < 0) config[lastKey] += `,${part}`
    else {
      lastKey = part.slice(0, at)
      config[lastKey] = part.slice(at + 1)
    }
  }
  return config
}

function fieldReader(line: string): (name: string) => string {
  const cells = line.split('\t').map((cell) => cell.trim())
  return (name) => {
    const cell = cells.find((candidate) => candidate.startsWith(`${name}:`))
    if (cell === undefined) throw new Error(`no field ${name} in this line of kafka-topics: ${line}`)
    return cell.slice(name.length + 1).trim()
  }
}
