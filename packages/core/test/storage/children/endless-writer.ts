// Writes numbered objects until it is killed: endless-writer.ts ROOT FIRST_NUMBER
import { writeSync } from 'node:fs'
import { FilesystemBackend } from '../../../src/storage/filesystem/backend.ts'
import { numberedBytes } from './numbered-object.ts'

const [root = '', firstNumber = '0'] = process.argv.slice(2)
const backend = new FilesystemBackend(root)

async function writeOne(number: number): Promise<void> {
  const key = `topics/t${number % 5}/partition=${number % 3}/segment-${number}`
  const bytes = numberedBytes(key)
  if (number % 4 === 0) {
    await backend.put(key, bytes)
  } else if (number % 4 === 1) {
    await backend.replace(`manifest-${number}`, numberedBytes(`manifest-${number}`))
  } else {
    const writer = await backend.openWrite(key)
    for (let begin = 0; begin < bytes.length; begin += 50_000) {
      await writer.write([
        bytes.subarray(begin, begin + 20_000),
        bytes.subarray(begin + 20_000, begin + 50_000),
      ])
    }
    await writer.commit()
  }
  // What was acknowledged must be there after the kill.
  writeSync(1, `${number}\n`)
}

async function writeFrom(first: number): Promise<void> {
  for (let number = first; ; number += 3) await writeOne(number)
}

writeSync(1, 'ready\n')
await Promise.all([0, 1, 2].map((offset) => writeFrom(Number(firstNumber) + offset)))
