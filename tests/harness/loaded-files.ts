import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const RECORDER = new URL('./children/record-loaded.ts', import.meta.url).href

/** What the program loaded: folders of the engine such as `storage/azure`, and packages such as `yaml`. */
export interface LoadedFiles {
  readonly engine: readonly string[]
  readonly packages: readonly string[]
}

/** Has the program that gets `env` write down what it loads; `read` tells it when the program has ended. */
export function recordLoaded(folder: string): {
  readonly env: Readonly<Record<string, string>>
  read(): Promise<LoadedFiles>
} {
  const list = join(folder, 'loaded.txt')
  return {
    env: { NODE_OPTIONS: `--import=${RECORDER}`, LOADED_LIST: list },
    async read() {
      const urls = (await readFile(list, 'utf8')).split('\n')
      // Otherwise nothing was recorded, and nothing is shown.
      assert.ok(urls.some((url) => url.endsWith('/packages/cli/src/run-cli.ts')))
      return {
        engine: namesIn(urls, /\/packages\/core\/src\/(.+)\/[^/]+$/),
        packages: namesIn(urls, /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/),
      }
    },
  }
}

function namesIn(urls: readonly string[], pattern: RegExp): string[] {
  return [...new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? []))].sort()
}
