import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** What a file of figures says; empty while there is none. */
export async function readFigures(path: string): Promise<string> {
  return existsSync(path) ? readFile(path, 'utf8') : ''
}

/** The value of the first series of this name whose labels hold `labels`; NaN when there is none. */
export function figureOf(text: string, name: string, labels = ''): number {
  return Number(new RegExp(`^${name}\\{[^}]*${labels}[^}]*\\} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
