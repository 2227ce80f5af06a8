// Writes the URLs of all files that a program loads into the file LOADED_LIST, when it ends.
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const { LOADED_LIST } = process.env
const loaded = new Set<string>()

if (isMainThread && LOADED_LIST !== undefined) {
  registerHooks({
    load(url, context, nextLoad) {
      loaded.add(url)
      return nextLoad(url, context)
    },
  })
  process.on('exit', () => writeFileSync(LOADED_LIST, [...loaded].join('\n')))
}
