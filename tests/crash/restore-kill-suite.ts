import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaVersion, seededRandom } from '@kafka-backup/testkit'
import { expectExit, renamed } from '../harness/archive.ts'
import { type RunningProgram, startProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import {
  killAt,
  openRoundBench,
  REQUEST,
  ROUND_TOPICS,
  type RoundBench,
  randomShot,
  roundArgs,
  type Shot,
  shoot,
} from './restore-rounds.ts'

const KILLS = Number(process.env.KILLS ?? 20)
const SUSPENDED = Number(process.env.SUSPENDED ?? 10)
const SEED = Number(process.env.SEED ?? 5)
const KILLS_IN_A_ROW = 5
const FATES = ['break before', 'break inside', 'break after'] as const

/**
 * A restore is killed again and again, at every boundary of a request that changes something and at random, every third time
 * together with the broker; each run goes on where the one before was. Then Kafka's own consumer reads the whole target.
 */
export function defineRestoreKills(version: KafkaVersion): void {
  describe(`a restore that dies, on Kafka ${version}`, () => {
    let bench: RoundBench
    const rounds: Map<string, string>[] = []

    before(async () => {
      bench = await openRoundBench(version)
    })

    after(() => bench?.[Symbol.asyncDispose]())

    test(`${KILLS} kill -9 leave every record in the target once, in order`, async (t) => {
      const random = seededRandom(SEED)
      const exits = new Map<string, number>()
      for (let kill = 0; kill < KILLS; ) {
        const names = renamed(ROUND_TOPICS, `killed-${rounds.length + 1}`)
        rounds.push(names)
        for (let row = 0; row < KILLS_IN_A_ROW && kill < KILLS; row++, kill++) {
          const end = await killAt(bench, names, shotOf(kill, random), kill % 3 === 2)
          const how = end.signal ?? `exit ${end.exitCode}`
          exits.set(how, (exits.get(how) ?? 0) + 1)
        }
        await expectExit(0, roundArgs(bench, names))
      }
      t.diagnostic(`ends: ${[...exits].map(([how, count]) => `${count} ${how}`).join(', ')}`)
      assert.ok((exits.get('SIGKILL') ?? 0) >= KILLS * 0.8, 'most kills hit a restore under way')
      await expectCopiesEqual(bench.cluster, rounds)
    })

    test(`${SUSPENDED} processes that were suspended and wake when another one has finished change nothing`, async (t) => {
      const random = seededRandom(SEED + 1)
      const own: Map<string, string>[] = []
      const exits = new Map<number | null, number>()
      for (let at = 0; at < SUSPENDED; at++) {
        const names = renamed(ROUND_TOPICS, `suspended-${at + 1}`)
        own.push(names)
        const number = random.below(20)
        // Of every other one a request is still on its way while the successor works.
        const fate = at % 2 === 0 ? 'hold' : 'break after'
        const { program, wasHit } = await shoot(
          bench,
          names,
          { apiKey: REQUEST.produce, number, fate },
          ({ child }) => {
            child.kill('SIGSTOP')
          },
        )
        assert.ok(wasHit, 'the process was suspended in the middle')
        await expectExit(0, roundArgs(bench, names))
        bench.proxy.release()
        program.child.kill('SIGCONT')
        const end = await program.ended
        exits.set(end.exitCode, (exits.get(end.exitCode) ?? 0) + 1)
        assert.equal(end.exitCode, 5, `the old process finds out: ${end.stderr}`)
      }
      t.diagnostic(`exit codes: ${[...exits].map(([code, count]) => `${count} times ${code}`).join(', ')}`)
      await expectCopiesEqual(bench.cluster, own)
    })

    test('a process that was suspended before its first record changes nothing when another restore was begun instead', async () => {
      const names = renamed(ROUND_TOPICS, 'abandoned')
      const shot: Shot = { apiKey: REQUEST.produce, number: 0, fate: 'hold' }
      const { program, wasHit } = await shoot(bench, names, shot, ({ child }) => {
        child.kill('SIGSTOP')
      })
      assert.ok(wasHit)
      await expectExit(
        0,
        roundArgs(bench, names).filter((arg) => arg !== '--resume'),
      )
      bench.proxy.release()
      program.child.kill('SIGCONT')
      assert.equal((await program.ended).exitCode, 5)
      await expectCopiesEqual(bench.cluster, [names])
    })

    test('without transactions kill -9 of it and of the broker leave every record once too', async (t) => {
      const random = seededRandom(SEED + 2)
      const names = renamed(ROUND_TOPICS, 'idempotent')
      const args = ['--mode', 'idempotent']
      let hits = 0
      for (let kill = 0; kill < Math.ceil(KILLS / 5); kill++) {
        const shot = {
          apiKey: REQUEST.produce,
          number: 4 + random.below(20),
          fate: FATES[kill % 3] ?? 'break after',
        }
        const end = await killAt(bench, names, shot, kill % 2 === 1, args)
        if (end.signal === 'SIGKILL') hits++
      }
      const end = await expectExit(0, [...roundArgs(bench, names), ...args, '--verify'])
      assert.equal(end.json<{ mode: string }>().mode, 'idempotent')
      t.diagnostic(`${hits} kills`)
      assert.ok(hits > 0, 'it was killed while it wrote')
      await expectCopiesEqual(bench.cluster, [names])
    })

    test('without transactions it promises nothing about a process that was suspended, and the one that wakes finds out', async () => {
      const names = renamed(ROUND_TOPICS, 'dozed')
      const mode = ['--mode', 'idempotent']
      const shot: Shot = { apiKey: REQUEST.produce, number: 6, fate: 'hold' }
      const doze = ({ child }: RunningProgram) => void child.kill('SIGSTOP')
      const { program, wasHit } = await shoot(bench, names, shot, doze, mode)
      assert.ok(wasHit, 'the process was suspended in the middle')
      const table = ['--output-format', 'table']
      const { stdout } = await expectExit(0, [...roundArgs(bench, names), ...mode, ...table])
      assert.match(stdout, /^Complete /m)
      assert.match(
        stdout,
        /idempotent \(exactly once across crashes, but not against a process that was suspended/,
      )
      assert.doesNotMatch(stdout, /also if this process dies or is suspended/)
      bench.proxy.release()
      program.child.kill('SIGCONT')
      const end = await program.ended
      assert.equal(end.exitCode, 5, end.stderr)
      assert.doesNotMatch(end.stdout, /complete/i)
      // The same producer with the same sequences: brokers that remember it take nothing twice.
      await expectCopiesEqual(bench.cluster, [names])
    })

    test('a restore that has finished is reported by --resume, and nothing is written', async () => {
      const names = renamed(ROUND_TOPICS, 'finished')
      await expectExit(0, roundArgs(bench, names))
      const begin = bench.proxy.count(REQUEST.produce)
      const again = await expectExit(0, roundArgs(bench, names))
      assert.equal(bench.proxy.count(REQUEST.produce), begin)
      assert.equal(again.json<{ already_finished: boolean }>().already_finished, true)
      await expectCopiesEqual(bench.cluster, [names])
    })

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      test(`${signal} commits what is under way, says how to go on, and --resume does`, async () => {
        const names = renamed(ROUND_TOPICS, signal.toLowerCase())
        const { program, wasHit } = await shoot(
          bench,
          names,
          { apiKey: REQUEST.produce, number: 12, fate: 'hold' },
          async ({ child }) => {
            child.kill(signal)
            await delay(100)
          },
        )
        assert.ok(wasHit)
        bench.proxy.release()
        const end = await program.ended
        assert.equal(end.exitCode, 130, end.stderr)
        assert.match(end.stderr, /--resume/)
        await expectExit(0, roundArgs(bench, names))
        await expectCopiesEqual(bench.cluster, [names])
      })
    }

    test('connections that break again and again are survived by one process', async () => {
      const names = renamed(ROUND_TOPICS, 'broken')
      bench.proxy.setFate(({ apiKey, number }) => {
        if (apiKey !== REQUEST.produce || number % 23 !== 11) return 'pass'
        return FATES[number % 3] ?? 'pass'
      })
      const program = startProgram(roundArgs(bench, names))
      const end = await program.ended
      bench.proxy.setFate(() => 'pass')
      assert.equal(end.exitCode, 0, end.stderr)
      assert.ok(end.json<{ recoveries: number }>().recoveries > 0, 'it had to recover')
      await expectCopiesEqual(bench.cluster, [names])
    })
  })
}

/** First every boundary of the requests that change something, then whatever chance says. */
function shotOf(kill: number, random: ReturnType<typeof seededRandom>): Shot {
  const fate = FATES[kill % FATES.length] ?? 'break before'
  // A restore that is new asks once more, whether the brokers take its transactions.
  if (kill < 3) return { apiKey: REQUEST.initProducerId, number: kill === 0 ? 1 : 0, fate }
  if (kill < 6) return { apiKey: REQUEST.addPartitions, number: kill % 2, fate }
  if (kill < 9) return { apiKey: REQUEST.endTransaction, number: kill % 3, fate }
  if (kill < 15) return { apiKey: REQUEST.produce, number: kill - 9, fate }
  return randomShot(random)
}
