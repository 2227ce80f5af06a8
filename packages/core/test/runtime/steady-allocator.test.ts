import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RestartedProcess, restartWithSteadyAllocator } from '../../src/runtime/steady-allocator.ts'

interface Restart {
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** Of a process that is like this one, but for some of it. */
function restartsOf(changes: Partial<RestartedProcess>): Restart[] {
  const restarts: Restart[] = []
  const execve = ((file: string, args: string[], env: NodeJS.ProcessEnv) => {
    restarts.push({ file, args, env })
  }) as NonNullable<RestartedProcess['execve']>
  const { execPath } = process
  const like = { platform: 'linux', env: { HOME: '/srv/a' }, execPath, permission: undefined } as const
  const argv = ['node', '/opt/kafka-backup.js', 'backup', '--continuous']
  restartWithSteadyAllocator({
    ...like,
    execArgv: ['--no-warnings'],
    argv,
    execve,
    ...changes,
  } as RestartedProcess)
  return restarts
}

test('the same program is started with the same arguments, and with settings that the operator has not chosen', () => {
  const [restart, ...more] = restartsOf({})
  assert.equal(more.length, 0)
  assert.equal(restart?.file, process.execPath)
  assert.deepEqual(restart.args, [
    ...[process.execPath, '--no-warnings', '/opt/kafka-backup.js'],
    ...['backup', '--continuous'],
  ])
  assert.equal(restart.env.HOME, '/srv/a')
  assert.deepEqual(restartsOf({ env: restart.env }), [], 'once')
})

test('nothing is started where it would not help, or end the program', () => {
  for (const changes of [
    { platform: 'darwin' },
    { env: { MALLOC_ARENA_MAX: '4' } },
    { env: { MALLOC_TRIM_THRESHOLD_: '1' } },
    { execPath: '/nothing/is/here/node' },
    { execve: undefined },
    { permission: { has: () => false } },
  ] as Partial<RestartedProcess>[])
    assert.deepEqual(restartsOf(changes), [], JSON.stringify(changes))
})
