// Preloaded with --import: prints calls that make files durable, in order, without a hook in the product. The module
// `node:fs/promises` is wrapped from outside; this is what can be asserted where strace is not installed.
import fs, { type PathLike, writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const { open, link, rename } = fs.promises

function print(call: string, path: unknown): void {
  writeSync(1, `${JSON.stringify({ call, path: String(path) })}\n`)
}

fs.promises.open = async (path: PathLike, ...rest): Promise<FileHandle> => {
  const handle = await open(path, ...rest)
  for (const call of ['sync', 'datasync'] as const) {
    const original = handle[call].bind(handle)
    handle[call] = async () => {
      await original()
      print(call, path)
    }
  }
  return handle
}
fs.promises.link = async (from, to) => {
  await link(from, to)
  print('link', to)
}
fs.promises.rename = async (from, to) => {
  await rename(from, to)
  print('rename', to)
}
syncBuiltinESMExports()
