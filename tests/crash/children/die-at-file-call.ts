// Loaded with --import: of all calls that change files below DIE_BELOW, the process dies at the one number DIE_AT, as by kill -9, before
// or after it (DIE_WHEN). With DIE_KIND, such as `link commits`, only calls of this name count whose path has this element. It writes the calls into the file CALLS_LIST, one a line, as they begin.
import { appendFileSync, constants } from 'node:fs'
import fs, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

type Call = (...given: unknown[]) => Promise<unknown>

const { DIE_BELOW = '/nowhere', DIE_AT = '0', DIE_WHEN = 'before', CALLS_LIST = '/dev/null' } = process.env
const [dieName, dieElement] = process.env.DIE_KIND?.split(' ') ?? []
const dieAt = Number(DIE_AT)

// By the place of the path that they change.
const FUNCTIONS = {
  0: ['appendFile', 'mkdir', 'mkdtemp', 'rm', 'rmdir', 'truncate', 'unlink', 'utimes', 'writeFile'],
  1: ['copyFile', 'cp', 'link', 'rename', 'symlink'],
} as const
const METHODS = ['appendFile', 'datasync', 'sync', 'truncate', 'utimes', 'write', 'writeFile', 'writev']

const functions = fs as unknown as Record<string, Call>
const paths = new WeakMap<object, string>()
let count = 0

async function pass(name: string, path: string, call: () => Promise<unknown>): Promise<unknown> {
  if (path !== DIE_BELOW && !path.startsWith(`${DIE_BELOW}/`)) return call()
  const isCounted = dieName === undefined || (name === dieName && path.split('/').includes(dieElement ?? ''))
  if (isCounted) count++
  const isLast = isCounted && count === dieAt
  // Deaths are at calls of the main thread; that there are no others shows in the list.
  appendFileSync(CALLS_LIST, `${isMainThread ? '' : 'thread '}${name} ${path}\n`)
  if (!isMainThread) return call()
  if (isLast && DIE_WHEN === 'before') return die()
  try {
    return await call()
  } finally {
    if (isLast) await die()
  }
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

for (const [at, names] of Object.entries(FUNCTIONS)) {
  for (const name of names) {
    const call = functions[name]!
    functions[name] = (...given) => pass(name, String(given[Number(at)]), () => call(...given))
  }
}

const reallyOpen = functions.open!
functions.open = async (...given) => {
  const [path, flags] = [String(given[0]), given[1]]
  const isCreating =
    typeof flags === 'number' ? (flags & constants.O_CREAT) !== 0 : !/^r?s?$/.test(`${flags ?? ''}`)
  const open = () => reallyOpen(...given)
  const handle = (await (isCreating ? pass('open', path, open) : open())) as FileHandle
  paths.set(handle, path)
  return handle
}

const probe = (await reallyOpen(process.execPath)) as FileHandle
const handles = Object.getPrototypeOf(probe) as Record<string, Call>
await probe.close()
for (const name of METHODS) {
  const call = handles[name]!
  handles[name] = function (this: FileHandle, ...given) {
    return pass(name, paths.get(this) ?? '', () => call.apply(this, given))
  }
}
syncBuiltinESMExports()
