import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openCluster } from '@kafka-backup/core'
import type { KafkaCluster } from '@kafka-backup/testkit'
import { assertExit } from '../harness/archive.ts'
import { type ProgramEnd, type ProgramOptions, runProgram } from '../harness/run-program.ts'

/** What must be the same before and after: every file of the folders, every topic and offset of the clusters. */
export interface Scene {
  readonly folders?: readonly string[]
  readonly clusters?: readonly Pick<KafkaCluster, 'bootstrapServers'>[]
}

/** How a command is to be refused. `says` are all found in the message and its hint, in the words of the user. */
export interface Refusal {
  readonly exitCode: number
  readonly code: string
  readonly says: readonly (string | RegExp)[]
}

/** The fields of an error as programs read them. */
export interface ErrorDocument {
  readonly kind: string
  readonly error: {
    readonly code: string
    readonly message: string
    readonly hint: string
    readonly exit_code: number
    readonly context: Readonly<Record<string, unknown>>
  }
}

type Runner = (args: readonly string[], options?: ProgramOptions) => Promise<ProgramEnd>

const NOTHING_DONE = /nothing was (?:written|started)/i

/** Path to SHA-256 of every file below a folder; folders end with a slash. Empty when the folder is absent. */
export async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  const walk = async (path: string): Promise<void> => {
    const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(() => [])
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory()) {
        tree[`${inner}/`] = ''
        await walk(inner)
      } else {
        const bytes = entry.isFile() ? await readFile(join(folder, inner)) : ''
        tree[inner] = createHash('sha256').update(bytes).digest('hex')
      }
    }
  }
  await walk('')
  return tree
}

/** The same without the ledgers of restores: those of a restore that fails in the middle stay, to go on from. */
export async function treeWithoutLedgers(folder: string): Promise<Record<string, string>> {
  const tree = Object.entries(await treeOf(folder))
  return Object.fromEntries(tree.filter(([path]) => !/^[^/]+\/restores\//.test(path)))
}

/** First and next offset of every partition of every topic that is not internal. */
export async function offsetsOf(
  cluster: Pick<KafkaCluster, 'bootstrapServers'>,
): Promise<Record<string, string>> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    const names = (await client.topicNames()).filter((name) => !name.startsWith('__'))
    const { topics } = await client.describe(names)
    const partitions = topics.flatMap((topic) =>
      topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
    )
    const starts = await client.listOffsets('log_start', partitions)
    const ends = await client.listOffsets('high_watermark', partitions)
    return Object.fromEntries([...ends].map(([name, end]) => [name, `${starts.get(name)}-${end}`]))
  } finally {
    await client.close()
  }
}

export async function sceneOf(scene: Scene): Promise<unknown> {
  const folders = await Promise.all((scene.folders ?? []).map(treeOf))
  const clusters = await Promise.all((scene.clusters ?? []).map(offsetsOf))
  return { folders, clusters }
}

/**
 * The command is refused with this exit code and error, says that nothing was done, and nothing was: no file and no offset
 * has changed. `run` starts the program; another one than {@link runProgram} may do so in another place.
 */
export async function expectRefused(
  args: readonly string[],
  refusal: Refusal,
  scene: Scene,
  options: ProgramOptions & { readonly run?: Runner } = {},
): Promise<ErrorDocument> {
  const { run = runProgram, ...programOptions } = options
  const before = await sceneOf(scene)
  const end = await run([...args, ...asJson(args)], programOptions)
  assert.deepEqual(await sceneOf(scene), before, 'nothing was changed')
  const document = expectError(end, refusal)
  assert.match(document.error.message, NOTHING_DONE)
  return document
}

/** One JSON document on stdout and the same for people on stderr, without a stack trace. */
export function expectError(end: ProgramEnd, refusal: Refusal): ErrorDocument {
  assertExit(end, refusal.exitCode)
  const document = end.json<ErrorDocument>()
  assert.equal(document.kind, 'error')
  assert.equal(document.error.code, refusal.code, document.error.message)
  assert.equal(document.error.exit_code, refusal.exitCode)
  const said = `${document.error.message}\n${document.error.hint}`
  for (const text of refusal.says) {
    const isSaid = typeof text === 'string' ? said.includes(text) : text.test(said)
    assert.ok(isSaid, `"${text}" is not in:\n${said}`)
  }
  assert.match(end.stderr, /^(?:Refused|Failed|Damaged|Interrupted): /m)
  assert.ok(end.stderr.includes(document.error.code) && end.stderr.includes(document.error.hint))
  assert.doesNotMatch(end.stderr, /^\s+at /m)
  return document
}

function asJson(args: readonly string[]): string[] {
  return args.some((arg) => arg.startsWith('--output-format')) ? [] : ['--output-format', 'json']
}
