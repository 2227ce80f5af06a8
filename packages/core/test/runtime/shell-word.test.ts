import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { it } from 'node:test'
import { shellWord } from '../../src/runtime/shell-word.ts'

it('a word of a shell is the text that it was made of, and has no quotes that it does not need', () => {
  for (const text of [
    's3://bucket/prod?region=eu-central-1&endpoint=https://s3.example.com',
    "file:///it's%20here",
    'a b;$(c)`d`*~',
    '',
  ]) {
    const script = `printf %s ${shellWord(text)}`
    assert.equal(execFileSync('/bin/sh', ['-c', script]).toString(), text)
  }
  assert.equal(shellWord('file:///var/backups'), 'file:///var/backups')
})
