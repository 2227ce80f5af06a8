import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Command } from 'commander'
import { commandTree } from '../../packages/cli/src/command-tree.ts'
import { manPage } from '../../packages/cli/src/render/man-page.ts'
import { expectExit } from '../harness/archive.ts'

const GROFF = ['-man', '-ww', '-Tutf8', '-P-c', '-P-b', '-P-u']

function formatted(page: string): string {
  const { stdout, stderr, status } = spawnSync('groff', GROFF, {
    input: page,
    encoding: 'utf8',
    env: { ...process.env, GROFF_NO_SGR: '1' },
  })
  assert.equal(stderr, '')
  assert.equal(status, 0)
  return stdout
}

test('the manual page has every verb and option, and groff warns of nothing', async (t) => {
  const { stdout } = await expectExit(0, ['man'])
  assert.match(stdout, /^\.TH "KAFKA\\-BACKUP" 1 /)
  if (spawnSync('groff', ['--version']).error) return t.skip('no groff on the PATH')
  const text = formatted(stdout)
  for (const verb of ['backup', 'offset-reset plan', 'config check restore', 'completion', 'man'])
    assert.match(text, new RegExp(`^ {3}kafka-backup ${verb}$`, 'm'))
  assert.match(text, /--compression zstd\|lz4\|none/)
  assert.match(text, /One\s+of:\s+PLAINTEXT,\s+SSL,\s+SASL_PLAINTEXT,\s+SASL_SSL\./)
  assert.match(text, /-c, --config file/)
  assert.match(text, /^ {7}130 +interrupted$/m)
})

test('nothing that a description holds is a request of the page', (t) => {
  if (spawnSync('groff', ['--version']).error) return t.skip('no groff on the PATH')
  const program = new Command('kafka-backup').description('Odd texts.')
  program.command('one').description('.so /etc/passwd \\fB~^`\'"…')
  program.command('two').description("'tm said")
  const page = manPage(commandTree(program), '1')
  // Some versions of groff print other characters for these.
  assert.match(page, /\\\(ti\\\(ha\\\(ga\\\(aq/)
  const text = formatted(page)
  assert.match(text, /^ +\.so \/etc\/passwd \\fB~\^`'"…$/m)
  assert.match(text, /^ +'tm said$/m)
})
