import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { assertBackupId } from '../repository/key-layout.ts'
import { LIMITS } from '../runtime/limits.ts'
import { readOffsetRange } from './offset-range.ts'
import { readPartitions } from './partition-selection.ts'
import { expressionComplaint, isExpression } from './topic-expression.ts'

const TOPIC_NAME = /^[A-Za-z0-9._-]+$/
const TOPIC_PATTERN = /^[A-Za-z0-9._*?-]+$/
const SERVER = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})$/

/** The rules of backup ids. Like every rule here, it gives what a text must be, or nothing. */
export function backupIdRule(text: string): string | undefined {
  try {
    assertBackupId(text)
    return undefined
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_USAGE')) throw error
    return `must be 1 to ${LIMITS.backupIdMaxLength} letters, digits, '.', '_' or '-', not beginning with '.'`
  }
}

export function serverRule(text: string): string | undefined {
  const port = Number(SERVER.exec(text)?.[1] ?? 0)
  return port < 1 || port > 65_535 ? 'must be host:port, such as broker-1:9092' : undefined
}

export function topicNameRule(text: string): string | undefined {
  const isName = TOPIC_NAME.test(text) && text !== '.' && text !== '..'
  return isName && text.length <= LIMITS.topicNameMaxLength ? undefined : 'must be topic names'
}

export function topicPatternRule(text: string): string | undefined {
  if (isExpression(text)) return expressionComplaint(text)
  return TOPIC_PATTERN.test(text) && text.length <= LIMITS.topicNameMaxLength
    ? undefined
    : 'must be topic names, globs with * and ?, or regular expressions after ~'
}

export function partitionRule(text: string): string | undefined {
  const read = readPartitions(text)
  const isTopic = read?.topic === undefined || topicNameRule(read.topic) === undefined
  return read && isTopic ? undefined : 'must be partitions, such as 0, 0-3 or orders:0-3'
}

export function partitionNumberRule(text: string): string | undefined {
  const read = readPartitions(text)
  const isNumber = read && read.topic === undefined && read.range.first === read.range.last
  if (!isNumber) return 'must be numbers of partitions'
  return read.range.first < LIMITS.partitionsMax ? undefined : `must be numbers below ${LIMITS.partitionsMax}`
}

export function offsetRangeRule(text: string): string | undefined {
  const range = readOffsetRange(text)
  return range && topicNameRule(range.topic) === undefined
    ? undefined
    : 'must be offsets, such as orders/3:100-200, orders/3:100- or orders/3:-200'
}

/**
 * A folder. The program does not expand `~`, and a folder of that name, or one whose name begins like a URL or a drive, is not what
 * anybody means: a mistyped location must not become a folder that nobody looks for.
 */
export function pathRule(text: string): string | undefined {
  if (text === '' || text.includes('\0')) return 'must be a folder'
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) {
    return 'must be a folder; a URL such as s3://bucket/prefix belongs into repo (--repo), and a folder whose name has a colon is written ./NAME'
  }
  const isHome = text === '~' || text.startsWith('~/')
  return isHome ? 'must be a folder written out (only a shell knows ~)' : undefined
}

/** Says what keeps a text from being the path of a file. */
export function filePathRule(text: string): string | undefined {
  if (text === '' || text.includes('\0') || text.endsWith('/')) return 'must be a file'
  if (/^[a-z][a-z0-9+.-]*:\//i.test(text)) return 'must be a file of this machine, not a URL'
  return text.startsWith('~/') ? 'must be a file written out (only a shell knows ~)' : undefined
}

/** A prefix that led out of the folder would put the repository where nobody looks for it. */
export function prefixRule(text: string): string | undefined {
  return !text.includes('\0') && !text.split('/').some((part) => part === '.' || part === '..')
    ? undefined
    : 'must be a folder inside the place of the repository, without . and ..'
}

/** A name of a place or an account, as it stands in a location without being changed. */
export function placeNameRule(text: string): string | undefined {
  return /^[A-Za-z0-9$][A-Za-z0-9._-]{0,254}$/.test(text) ? undefined : 'must be letters, digits, ., _ or -'
}

/** An address that is printed, and so holds no account. */
export function endpointRule(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isServer = url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== ''
  const hasMore = url && (url.username || url.password || url.search || url.hash)
  return isServer && !hasMore
    ? undefined
    : 'must be an address such as https://s3.example.com, without an account'
}

export function repositoryRule(text: string): string | undefined {
  return text === '' ? 'must be a URL such as file:///var/backups' : undefined
}

export function replicationFactorRule(text: string): string | undefined {
  return Number(text) === 0 ? 'must be -1 (the default of the cluster) or 1 to 32767' : undefined
}
