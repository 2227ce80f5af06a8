import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { offsetsOf } from '../bad-input/evidence.ts'
import {
  type Archive,
  archivePath,
  assertExit,
  backupArgs,
  expectExit,
  restoreArgs,
} from '../harness/archive.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { createTopics } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/kafka-backup.js', import.meta.url))
const RECORDS = 16_000
const BYTES_PER_SEC = 2_000_000
const PATIENCE_MS = 60_000
const REDRAW = '\r\u001b[K'

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster({ properties: SHORT_QUOTA_WINDOWS })
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  await createTopics(cluster, { orders: { partitions: 2 } })
  await fillTopics(cluster, [{ topic: 'orders', records: RECORDS }])
  await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC, writeBytesPerSec: BYTES_PER_SEC })
})

after(() => cluster?.close())

test('an interrupted backup says so, has its own exit code, and status shows it', async (t) => {
  const place = ['--repo', `file://${archive.folder}`, '--backup-id', archive.backupId]
  const fast = [
    '--checkpoint-interval-secs',
    '1',
    '--segment-max-interval-ms',
    '100',
    '--fetch-max-bytes',
    '1000000',
  ]
  const running = startProgram([...backupArgs(cluster, archive, ['orders']), ...fast])
  t.after(() => running.child.kill('SIGKILL'))
  await waitFor(async () => (await readdir(archivePath(archive, 'commits')).catch(() => [])).length > 0)
  running.child.kill('SIGINT')
  const end = await running.ended
  assertExit(end, 130)
  assert.equal(end.json().outcome, 'interrupted')
  assert.match(end.stderr, /^Stopping: what was read so far is being committed\./m)

  const status = await expectExit(3, ['status', ...place])
  assert.match(status.stdout, /^daily {3}last run interrupted, /)
  const document = (await expectExit(3, ['status', ...place, '--output-format', 'json'])).json()
  assert.equal(document.last_outcome, 'interrupted')
  await expectExit(3, ['validate', ...place])
})

test('the next run completes it: on a terminal one line is rewritten, and nothing of it is left', async (t) => {
  if (spawnSync('script', ['--version']).error) return t.skip('no script(1)')
  const args = backupArgs(cluster, archive, ['orders']).slice(0, -2)
  const command = [process.execPath, PROGRAM, ...args, '--fetch-max-bytes', '1000000'].join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [exitCode] = await once(child, 'close')
  const text = Buffer.concat(chunks).toString().replaceAll('\r\n', '\n')
  assert.equal(exitCode, 0, text)
  const redraws = text.split(REDRAW).slice(1)
  assert.ok(redraws.length >= 3, `${redraws.length} redraws in ${JSON.stringify(text)}`)
  for (const line of redraws.slice(0, -1)) {
    assert.doesNotMatch(line, /\n/, 'a line that is rewritten does not scroll')
    assert.ok(line.length < 80, `wider than the terminal: ${line}`)
    assert.match(line, /^ {2}[█░]{8,} {2}\d+ % {3}/)
  }
  assert.match(
    redraws.at(-1) ?? '',
    /^Complete +[\d,]+ records .*\n +recovery point .*\nStorage +.* written, .* read\n$/,
  )
  assert.equal(text.replaceAll(REDRAW, '').includes('\u001b'), false, 'no other command to the terminal')
  await expectExit(0, ['status', '--repo', `file://${archive.folder}`, '--backup-id', archive.backupId])
  await expectEveryOffsetOnce(archive, await endOffsets(cluster, ['orders']))
})

test('an interrupted restore says what it left behind and how to go on', async (t) => {
  const running = startProgram(restoreArgs(cluster, archive, new Map([['orders', 'orders-part']])))
  t.after(() => running.child.kill('SIGKILL'))
  await waitFor(async () => {
    // While the topic is being made, its brokers may not answer.
    const offsets = await offsetsOf(cluster).catch(() => ({}) as Record<string, string>)
    return ['orders-part/0', 'orders-part/1'].some((name) => Number(offsets[name]?.split('-')[1] ?? 0) > 0)
  })
  running.child.kill('SIGTERM')
  const end = await running.ended
  assertExit(end, 130)
  const { error } = end.json<{ error: { code: string; message: string; hint: string } }>()
  assert.equal(error.code, 'KB_INTERRUPTED')
  assert.match(
    error.message,
    /^stopped by SIGTERM\. The target is incomplete: \d+ of 16000 records are there for good$/,
  )
  assert.match(error.hint, /same command and --resume/)
})

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    assert.ok(performance.now() < deadlineMs, 'it happens in time')
    await delay(50)
  }
}
