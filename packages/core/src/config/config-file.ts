import { type FileHandle, open } from 'node:fs/promises'
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Pair,
  parseDocument,
  visit,
} from 'yaml'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { ProblemList, placeInFile, shownText } from './problems.ts'

const NO_ANCHOR = 'there is no anchor of this name before this alias; a text that begins with * needs quotes'

/** A file of YAML that is well-formed; what its keys mean is not known here. */
export interface ConfigFile {
  readonly document: Document
  /** Line of a node or key, from 1. */
  lineOf(node: unknown): number
}

// Enough for people who share a list between two sections; each costs a walk through the file.
const ALIAS_MAX_COUNT = 64
const KNOWN_TAG = /^(?:!|tag:yaml\.org,2002:(?:str|int|bool|null|float|map|seq))$/

/** @throws KB_CONFIG_UNREADABLE, KB_CONFIG_INVALID */
export async function readConfigFile(path: string, file: string): Promise<ConfigFile> {
  return parseConfigText(await readText(path, file), file)
}

/** `file` is the name for messages. @throws KB_CONFIG_INVALID */
export function parseConfigText(text: string, file: string): ConfigFile {
  const lineCounter = new LineCounter()
  // The library compares each key of a map with each other; `checkNodes` does it in one pass.
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: false,
  })
  const lineAt = (offset: number): number => Math.max(1, lineCounter.linePos(offset).line)
  const lineOf = (node: unknown): number => (isNode(node) && node.range ? lineAt(node.range[0]) : 1)
  const problems = new ProblemList(file)
  for (const { pos, message, code } of [...document.errors, ...document.warnings]) {
    const reason =
      code === 'RESOURCE_EXHAUSTION' ? 'it is nested too deeply' : shownText(withoutQuote(message))
    problems.add({ code: 'KB_CONFIG_INVALID', message: `not valid YAML: ${reason}`, line: lineAt(pos[0]) })
  }
  // A document with errors may be incomplete; nothing more can be said about it.
  problems.throwIfAny()
  checkNodes(document, lineOf, problems)
  problems.throwIfAny()
  return { document, lineOf }
}

function checkNodes(document: Document, lineOf: (node: unknown) => number, problems: ProblemList): void {
  let aliasCount = 0
  const refuse = (node: unknown, message: string): void =>
    problems.add({ code: 'KB_CONFIG_INVALID', message, line: lineOf(node) })
  visit(document, (_, node) => {
    if (isAlias(node)) checkAlias(node)
    const tag = isNode(node) && 'tag' in node ? node.tag : undefined
    if (tag !== undefined && !KNOWN_TAG.test(tag)) refuse(node, `the tag ${shownText(tag)} is not supported`)
    if (!isMap(node)) return
    const lines = new Map<string, number>()
    for (const pair of node.items) checkKey(pair, lines)
  })

  function checkAlias(alias: Alias): void {
    aliasCount++
    if (aliasCount === ALIAS_MAX_COUNT + 1) refuse(alias, `more than ${ALIAS_MAX_COUNT} aliases`)
    const isKnown = aliasCount > ALIAS_MAX_COUNT || alias.resolve(document) !== undefined
    if (!isKnown) refuse(alias, NO_ANCHOR)
  }

  function checkKey({ key }: Pair, lines: Map<string, number>): void {
    if (!isScalar(key)) {
      refuse(key, 'a key must be a plain name')
      return
    }
    const name = keyText(key)
    const line = lines.get(name)
    if (line !== undefined) refuse(key, `${shownText(name)} is written twice (first in line ${line})`)
    lines.set(name, lineOf(key))
  }
}

/** What the library says, without what it quotes of the file: a password that lacks its quotes may be a tag or a token of YAML. */
function withoutQuote(message: string): string {
  return message.replace(/(?::|(?<=^Invalid escape sequence)) .*$/s, '')
}

/** A key as written; YAML may take `1` or `true` for something else than a text. */
export function keyText(key: unknown): string {
  if (!isScalar(key)) return ''
  return typeof key.value === 'string' ? key.value : (key.source ?? '')
}

async function readText(path: string, file: string): Promise<string> {
  let bytes: Uint8Array
  try {
    await using handle = await open(path, 'r')
    bytes = await readUpTo(handle, LIMITS.configMaxBytes + 1)
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new KafkaBackupError('KB_CONFIG_UNREADABLE', `cannot read ${file}: ${reason}`, {
      context: { file },
      cause,
    })
  }
  if (bytes.length > LIMITS.configMaxBytes) {
    const message = `${file}: a configuration file must not be larger than ${LIMITS.configMaxBytes} bytes`
    throw new KafkaBackupError('KB_CONFIG_INVALID', message, { context: { file } })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const message = `${placeInFile(file, 1)}: the file is not UTF-8 text`
    throw new KafkaBackupError('KB_CONFIG_INVALID', message, { context: { file, line: 1 }, cause })
  }
}

/** The size of a pipe or a device is not known before it was read. */
async function readUpTo(handle: FileHandle, maxBytes: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(maxBytes)
  let length = 0
  while (length < maxBytes) {
    const { bytesRead } = await handle.read(buffer, length, maxBytes - length, null)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}
