import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { archivePath } from '../src/class-archive.ts'
import { JavaProcess } from '../src/java-process.ts'
import { ensureKafka, LATEST_KAFKA } from '../src/kafka-distribution.ts'

const PROGRAM = 'kafka.tools.StorageTool'
const FROM_ARCHIVE = /kafka\.tools\.StorageTool source: shared objects file/

describe('the archive of the classes of a program', () => {
  let folder: string
  let logs: string
  let runs = 0
  let classpath: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kb-archive-'))
    logs = await mkdtemp(join(tmpdir(), 'kb-archive-logs-'))
    // The programs in a folder of their own: nobody has written an archive there.
    const [programs = '', ...jars] = (await ensureKafka(LATEST_KAFKA)).classpath.split(delimiter)
    await copyFile(programs, join(folder, basename(programs)))
    classpath = [join(folder, basename(programs)), ...jars].join(delimiter)
  })
  after(async () => {
    await rm(folder, { recursive: true })
    await rm(logs, { recursive: true })
  })

  /** A run of a program that prints one id; what the JVM tells of its classes. */
  async function run(what: string): Promise<string> {
    const log = join(logs, `${++runs}.log`)
    const args = [`-Xlog:class+load:file=${log}`, '-XX:TieredStopAtLevel=1', '-cp', classpath, PROGRAM, what]
    const jvm = new JavaProcess({ args, output: 'pipe' })
    const [stdout] = await Promise.all([text(jvm.stdout!), jvm.ended])
    assert.match(stdout, /^[\w-]{22}\n$/, 'nothing but the result')
    return readFileSync(log, 'utf8')
  }

  it('is written by the first run and used by the second, and neither is heard of it', async () => {
    assert.doesNotMatch(await run('random-uuid'), FROM_ARCHIVE)
    const path = archivePath(classpath, PROGRAM)
    assert.equal(dirname(path), folder)
    assert.ok(existsSync(path))
    assert.match(await run('random-uuid'), FROM_ARCHIVE)
    assert.deepEqual(readdirSync(folder).toSorted(), [basename(path), 'programs.jar'])
  })

  it('is not written by a program that is killed', async () => {
    const path = archivePath(classpath, PROGRAM)
    await rm(path)
    const jvm = new JavaProcess({ args: ['-cp', classpath, PROGRAM, 'random-uuid'], output: 'pipe' })
    jvm.signal('SIGKILL')
    await jvm.ended
    assert.deepEqual(readdirSync(folder).toSorted(), ['programs.jar'])
  })
})
