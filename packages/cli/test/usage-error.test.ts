import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommanderError } from 'commander'
import { usageError } from '../src/usage-error.ts'

test('an unknown option is named, and its value is not', () => {
  const error = new CommanderError(
    1,
    'commander.unknownOption',
    "error: unknown option '--secret-key=canary'",
  )
  assert.equal(
    usageError(error, ['list'], ['list']).message,
    "unknown option '--secret-key=…'. Nothing was started",
  )
})
