// Loaded with --import: the file of the defect named by PLANTED_DEFECT is compiled with the defect in it. Nothing on the disk changes.
import { writeSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { PLANTED_DEFECTS } from '../planted-defects.ts'

const name = process.env.PLANTED_DEFECT
const defect = PLANTED_DEFECTS.find((entry) => entry.name === name)
if (!defect) throw new Error(`no such defect: ${name}`)
const { file, from, to } = defect
const suffix = `/packages/core/src/${file}`

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!new URL(url).pathname.endsWith(suffix)) return loaded
    const pieces = String(loaded.source).split(from)
    if (pieces.length !== 2) throw new Error(`${file} has ${pieces.length - 1} times: ${from}`)
    writeSync(2, 'planted\n')
    return { ...loaded, source: pieces.join(to) }
  },
})
