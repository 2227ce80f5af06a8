import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ResetPlan } from '@kafka-backup/core'
import { renderResetScript } from '../../src/render/reset-script.ts'
import { type FakeGroupsTool, openFakeGroupsTool } from './fake-groups-tool.ts'

const HOSTILE = [
  '$(touch pwned)',
  '`touch pwned`',
  "'; touch pwned; '",
  '"; touch pwned; "',
  'x\nEND_OF_OFFSETS\ntouch pwned\n',
  '\r\ntouch pwned',
  '--execute',
  '-x',
  '*',
  ' ',
  '~',
  '!!',
  'a\\',
  '%s%n',
  'a=b,c;d|e&f>pwned',
  'ünïcode 群',
  'does not exist',
]
const SHELLS = ['sh', 'bash', 'dash'].filter((shell) => spawnSync(shell, ['-c', ':']).status === 0)
const OFFSETS = [
  { topic: 'orders', partition: 0, offset: 12n },
  { topic: 'orders', partition: 3, offset: 9_223_372_036_854_775_000n },
]

let tool: FakeGroupsTool

before(async () => {
  tool = await openFakeGroupsTool('kafka-consumer-groups.sh')
})

after(() => tool.close())

function planOf(groups: readonly string[], more: Partial<ResetPlan> = {}): ResetPlan {
  const resets = groups.map((group) => ({ group, topics: ['orders'], offsets: OFFSETS }))
  return { strategy: { kind: 'from_mapping' }, groups: resets, left: [], carried: [], ...more }
}

function scriptOf(plan: ResetPlan, isExecuting = true): string {
  const origin = ['made of\ntouch pwned', '$(touch pwned)']
  return renderResetScript(plan, { bootstrapServers: ["a'b:9092", 'c:9092'], isExecuting, origin })
}

async function run(script: string, env: Record<string, string> = {}, shell = 'sh') {
  await writeFile(join(tool.home, 'calls'), '')
  await writeFile(join(tool.home, 'script'), script)
  const given = { PATH: process.env.PATH, KAFKA_HOME: tool.home, FAKE_LOG: join(tool.home, 'calls'), ...env }
  const end = spawnSync(shell, ['script'], { cwd: tool.home, env: given, encoding: 'utf8', timeout: 30_000 })
  assert.equal(end.error, undefined)
  return { ...end, calls: await tool.calls() }
}

for (const shell of SHELLS) {
  test(`names of groups are words and nothing else to ${shell}`, async () => {
    const left = HOSTILE.map((group) => ({ group, place: null, reason: 'no_offsets' }))
    const { status, stdout, stderr, calls } = await run(scriptOf(planOf(HOSTILE, { left })), {}, shell)
    assert.equal(status, 0, stdout + stderr)
    assert.deepEqual(
      calls.filter((call) => call[0] === '--reset-offsets').map(([, group]) => group),
      HOSTILE.map((name) => `--group=${name}`),
    )
    assert.deepEqual((await readdir(tool.home)).sort(), ['bin', 'calls', 'script'])
    assert.match(stdout, new RegExp(`^Groups set: ${HOSTILE.length}. Not as planned: 0.$`, 'm'))
  })
}

test('shellcheck has nothing to say', async (t) => {
  if (spawnSync('shellcheck', ['--version']).status !== 0) return t.skip('no shellcheck on the PATH')
  for (const plan of [
    planOf(HOSTILE),
    planOf([], {
      groups: [{ group: "it's", topics: ['a', 'b'], offsets: null }],
      strategy: { kind: 'to_latest' },
    }),
  ]) {
    const { status, stdout } = spawnSync('shellcheck', ['-'], { input: scriptOf(plan), encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  }
})

test('a script tries unless it was written to set', async () => {
  const modes = async (isExecuting: boolean) => {
    const { calls, stdout } = await run(scriptOf(planOf(['g']), isExecuting))
    return [calls.at(-1)?.at(-1), /^Nothing was changed/m.test(stdout)]
  }
  assert.deepEqual(await modes(false), ['--dry-run', true])
  assert.deepEqual(await modes(true), ['--execute', false])
})

test('a group with members is not moved either', async () => {
  const moved = planOf([], {
    groups: [{ group: 'g', topics: ['orders'], offsets: null }],
    strategy: { kind: 'to_latest' },
  })
  const { status, stderr, calls } = await run(scriptOf(moved), { FAKE_STATE: 'Stable' })
  assert.equal(status, 1)
  assert.match(stderr, /Not set: the group is Stable/)
  assert.deepEqual(
    calls.map(([verb]) => verb),
    ['--describe'],
  )
})

test('only groups without members are set, and the others are still tried', async () => {
  for (const state of ['Stable', 'PreparingRebalance', 'Reconciling', 'Unknown']) {
    const { status, stderr, calls } = await run(scriptOf(planOf(['g', 'h'])), { FAKE_STATE: state })
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`Not set: the group is ${state}`))
    assert.deepEqual(new Set(calls.map(([verb]) => verb)), new Set(['--describe']))
    assert.equal(calls.length, 2)
  }
  for (const FAKE_STATE of ['Empty', 'Dead', '']) {
    const { status, stderr } = await run(scriptOf(planOf(['g'])), { FAKE_STATE })
    assert.equal(status, 0, stderr)
  }
})

test('a group whose state the tool does not tell is not set', async () => {
  const FAKE_TROUBLE = 'Executing consumer group command failed due to a TimeoutException'
  const { status, stderr, calls } = await run(scriptOf(planOf(['g'])), { FAKE_TROUBLE })
  assert.equal(status, 1)
  assert.match(
    stderr,
    new RegExp(`Not set: the state of the group is not known.\nError: ${FAKE_TROUBLE}$`, 'm'),
  )
  assert.deepEqual(
    calls.map(([verb]) => verb),
    ['--describe'],
  )
})

test('what the tool sets otherwise than planned, or not at all, is a failure', async () => {
  const shifted = await run(scriptOf(planOf(['g'])), { FAKE_SHIFT: '-1' })
  assert.equal(shifted.status, 1)
  assert.match(shifted.stderr, /Not as planned .*\n(?:.*\n)*orders 0 12$/m)
  assert.match(shifted.stdout, /^Groups set: 0. Not as planned: 1.$/m)
  const refused = { FAKE_ERROR: 'Assignments can only be reset if the group is inactive' }
  assert.equal((await run(scriptOf(planOf(['g'])), refused)).status, 1)
  const moved = planOf([], {
    groups: [{ group: 'g', topics: ['orders'], offsets: null }],
    strategy: { kind: 'to_earliest' },
  })
  assert.equal((await run(scriptOf(moved), refused)).status, 1)
})

test('an offset that the tool has moved into the range of a partition is not as planned', async () => {
  const moved = planOf([], {
    groups: [{ group: 'orders 5', topics: ['orders'], offsets: null }],
    strategy: { kind: 'to_offset', offset: 12n },
  })
  for (const FAKE_END of ['\\n', '    ']) {
    const clamped = await run(scriptOf(moved), { FAKE_SHIFT: '-2', FAKE_END })
    assert.equal(clamped.status, 1)
    assert.match(clamped.stderr, /^Not as planned .*\norders 0 12$/m)
    assert.match(clamped.stdout, /^Groups set: 0. Not as planned: 1.$/m)
    const { status, stderr } = await run(scriptOf(moved), { FAKE_END })
    assert.equal(status, 0, stderr)
  }
})

test('a table without ends of lines, as Kafka 3.9 prints it, is understood', async () => {
  const moved = planOf([], {
    groups: [{ group: 'g', topics: ['orders'], offsets: null }],
    strategy: { kind: 'to_earliest' },
  })
  for (const plan of [planOf(['g']), moved]) {
    const { status, stderr } = await run(scriptOf(plan), { FAKE_END: '    ' })
    assert.equal(status, 0, stderr)
  }
  assert.equal((await run(scriptOf(planOf(['g'])), { FAKE_END: '    ', FAKE_SHIFT: '-1' })).status, 1)
})

test('each strategy has the words of the tool', async () => {
  const groups = [{ group: 'g', topics: ['orders', 'payments'], offsets: null }]
  for (const [strategy, words] of [
    [{ kind: 'to_earliest' }, ['--to-earliest']],
    [{ kind: 'to_latest' }, ['--to-latest']],
    [{ kind: 'to_offset', offset: 12n }, ['--to-offset', '12']],
    [{ kind: 'to_timestamp', timestampMs: 1_500n }, ['--to-datetime', '1970-01-01T00:00:01.500Z']],
  ] as const) {
    const { status, calls } = await run(scriptOf({ strategy, groups, left: [], carried: [] }))
    assert.equal(status, 0)
    const topics = ['--topic', 'orders', '--topic', 'payments']
    assert.deepEqual(calls.at(-1), ['--reset-offsets', '--group=g', ...words, ...topics, '--execute'])
  }
})

test('the tool is looked for on the PATH first, and nothing is done without it', async () => {
  await using named = { [Symbol.asyncDispose]: () => other.close() }
  const other = await openFakeGroupsTool('kafka-consumer-groups')
  const env = { PATH: `${join(other.home, 'bin')}:${process.env.PATH}` }
  const { status } = await run(scriptOf(planOf(['g'])), { ...env, KAFKA_COMMAND_CONFIG: 'client properties' })
  assert.equal(status, 0)
  const [call] = await tool.calls()
  assert.deepEqual(call?.slice(0, 3), ['--command-config', 'client properties', '--describe'])
  assert.ok(named)
  const without = await run(scriptOf(planOf(['g'])), { KAFKA_HOME: '' })
  assert.equal(without.status, 1)
  assert.match(without.stderr, /^Nothing was done: neither/)
  assert.deepEqual(without.calls, [])
})
