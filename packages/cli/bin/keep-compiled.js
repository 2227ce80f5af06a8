import { mkdirSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

const WRITABLE_BY_OTHERS = 0o022

/**
 * Lets Node keep the compiled program in the user's cache folder, which halves the time of the next start. Whatever is in the way
 * of that is in the way of nothing else. NODE_COMPILE_CACHE names another folder, NODE_DISABLE_COMPILE_CACHE=1 wants none: Node
 * itself knows both.
 */
export function keepCompiled() {
  if (process.env.NODE_COMPILE_CACHE || process.env.NODE_DISABLE_COMPILE_CACHE) return
  // By the XDG base directory specification, which ignores relative paths. Node's own default is shared by all users of a machine.
  const { XDG_CACHE_HOME: given = '', HOME: home } = process.env
  try {
    const [root, below] = isAbsolute(given) ? [given, ''] : [home || homedir(), '.cache']
    // After sudo with the home of another, nothing of root's belongs there.
    if (!isAbsolute(root) || !isOwn(statSync(root))) return
    const folder = ['kafka-backup', 'compiled'].reduce(madeIn, madeIn(root, below))
    // What is kept there is run: a folder that somebody else can write to is left alone.
    const place = statSync(folder)
    if (isOwn(place) && (place.mode & WRITABLE_BY_OTHERS) === 0) enableCompileCache(folder)
  } catch {
    // A home that is missing or read-only costs time, and nothing that anybody has to be told.
  }
}

/** One after the other: below /proc the recursion of Node never ends. */
function madeIn(folder, name) {
  const path = join(folder, name)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  return path
}

function isOwn({ uid }) {
  return process.getuid === undefined || uid === process.getuid()
}
