import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { KafkaCluster } from '@kafka-backup/testkit'
import { CRASH_TOPICS, startFilledCluster } from '../crash/source-data.ts'
import { expectExit, renamed } from '../harness/archive.ts'
import { runProgram } from '../harness/run-program.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { expectNoSecret, filesOf, objectsOf } from './left-behind.ts'

type Variables = Readonly<Record<string, string>>

/** A place in a store that runs, and the ways in which a person can open it. */
export interface StorePlace {
  /** Of the repository, with a query. */
  readonly repo: string
  /** The same in a bucket or container that is not there. */
  readonly absentRepo: string
  readonly absentSays: RegExp
  /** Variables of ours that open it. */
  readonly env: Variables
  /** Other variables that open it, such as those of the vendor. */
  readonly otherEnv: Variables
  /** Variables of an account that may write and not delete. */
  readonly writerEnv?: Variables
  /** Lines of the section `storage` for the same place; a secret is written as {@link fromEnv} of a name in `fileEnv`. */
  readonly fileLines: readonly string[]
  readonly fileEnv: Variables
  /** The same variables as `env` with a secret that is wrong; undefined where the server checks none. */
  readonly wrongEnv: Variables | undefined
  /** A flag that would take a secret, if there were one. */
  readonly secretFlag: string
  /** What must not be printed. */
  readonly secrets: readonly string[]
  close(): Promise<void>
}

/** How a file names a variable of the environment. */
export function fromEnv(name: string): string {
  return `"$` + `{${name}}"`
}

const JSON_OUTPUT = ['--output-format', 'json']

/** The whole program with a repository in one store: backup, every verb that reads, restore, and what it says of mistakes. */
export function describeProgramOnStore(
  name: string,
  skip: string | false,
  openPlace: () => Promise<StorePlace>,
): void {
  describe(`the program with a repository in ${name}`, { skip }, () => {
    let cluster: KafkaCluster
    let store: StorePlace

    before(async () => {
      store = await openPlace()
      cluster = await startFilledCluster(0.4)
    })
    after(async () => {
      await cluster?.close()
      await store?.close()
    })

    const place = (backupId = 'daily') => ['--repo', store.repo, '--backup-id', backupId, ...JSON_OUTPUT]
    const source = () => ['--bootstrap-servers', cluster.bootstrap, '--topics', CRASH_TOPICS.join(',')]

    test('backs up in two runs, and every verb reads what is there', async () => {
      const { env, repo } = store
      const first = await expectExit(0, ['backup', ...source(), ...place()], { env })
      const report = first.json<{
        outcome: string
        records: number
        single_writer: boolean
        storage: { requests: Readonly<Record<string, number>> }
      }>()
      assert.equal(report.outcome, 'complete')
      assert.ok(report.records > 0)
      assert.equal(report.single_writer, false)
      const { put = 0, get = 0, list: listed = 0, other } = report.storage.requests
      assert.ok(put > 0 && get > 0 && listed > 0, JSON.stringify(report.storage))
      assert.equal(other, 0)
      await expectExit(0, ['backup', ...source(), ...place()], { env })
      const list = await expectExit(0, ['list', '--repo', repo, ...JSON_OUTPUT], { env })
      assert.equal(list.json<{ location: string }>().location, repo)
      assert.match(list.stdout, /daily/)
      for (const verb of ['describe', 'status']) await expectExit(0, [verb, ...place()], { env })
      const validation = await expectExit(0, ['validate', ...place(), '--deep'], { env })
      assert.equal(validation.json<{ verdict: string }>().verdict, 'complete')
    })

    test('refuses a new backup inside of another one, however deep', async () => {
      const { env, repo } = store
      for (const inner of ['daily', 'daily/topics/orders']) {
        const repoInside = repo.replace(/(?=\?)|$/, `/${inner}`)
        const args = ['backup', ...source(), '--repo', repoInside, '--backup-id', 'other', ...JSON_OUTPUT]
        const end = await expectExit(2, args, { env })
        assert.match(end.stdout, /is inside of backup \\"daily\\" of the repository/)
      }
      const objects = await objectsOf(repo, env)
      assert.deepEqual(
        [...objects.keys()].filter((key) => key.includes('/other/')),
        [],
      )
    })

    test('is called suitable by a probe, which leaves nothing', async () => {
      const { env, repo } = store
      const end = await expectExit(0, ['probe', '--repo', repo, ...JSON_OUTPUT], { env })
      const report = end.json<{
        verdict: string
        leftovers: readonly string[]
        capabilities: readonly { readonly id: string; readonly answer: string; readonly needed: boolean }[]
      }>()
      assert.deepEqual([report.verdict, report.leftovers], ['suitable', []])
      const needed = report.capabilities.filter((capability) => capability.needed)
      assert.ok(needed.length > 5)
      for (const { id, answer } of needed) assert.equal(answer, 'yes', id)
      const left = await objectsOf(repo, env)
      assert.deepEqual(
        [...left.keys()].filter((key) => key.startsWith('probe=')),
        [],
      )
    })

    test('backs up without the right to delete', async (t) => {
      const env = store.writerEnv
      if (!env) return t.skip('the server of the tests has no such accounts, or another file tries it')
      for (const _ of ['first', 'next']) {
        const end = await expectExit(0, ['backup', ...source(), ...place('written-only')], { env })
        assert.equal(end.json<{ outcome: string }>().outcome, 'complete')
      }
      await expectExit(0, ['validate', ...place('written-only'), '--deep'], { env })
    })

    test('restores with other variables, and Kafka sees the same records', async () => {
      const names = renamed(CRASH_TOPICS, 'restored')
      const mapping = [...names].map(([from, to]) => `${from}=${to}`).join(',')
      const env = store.otherEnv
      await expectExit(0, ['restore', ...source(), '--topic-mapping', mapping, ...place()], { env })
      await expectCopiesEqual(cluster, [names])
    })

    test('takes the section of a file with its secrets in variables, and leaves them nowhere', async () => {
      const file = join(cluster.folder, 'backup.yaml')
      const folder = join(cluster.folder, 'beside-the-repository')
      await mkdir(folder)
      const lines = [
        'mode: backup',
        'backup_id: from-file',
        `source: { bootstrap_servers: ["${cluster.bootstrap}"], topics: { include: [orders] } }`,
        'storage:',
        ...store.fileLines.map((line) => `  ${line}`),
        `metrics: { file: ${folder}/metrics.prom }`,
        `offset_storage: { db_path: ${folder}/offsets.db }`,
      ]
      await writeFile(file, lines.join('\n'))
      const end = await expectExit(0, ['backup', '--config', file, ...JSON_OUTPUT], { env: store.fileEnv })
      assert.equal(end.json<{ outcome: string }>().outcome, 'complete')
      for (const secret of store.secrets) assert.ok(!(end.stdout + end.stderr).includes(secret))
      const list = await expectExit(0, ['list', '--repo', store.repo, ...JSON_OUTPUT], { env: store.env })
      assert.match(list.stdout, /from-file/)
      const [objects, files] = [await objectsOf(store.repo, store.env), await filesOf(folder)]
      assert.ok(files.has('metrics.prom') && files.has('offsets.db'), [...files.keys()].join(', '))
      for (const left of [objects, files]) expectNoSecret(left, store.secrets)
      const id = Buffer.from('from-file')
      assert.ok(
        [...objects.values()].some((bytes) => bytes.includes(id)),
        'what is there can be read',
      )
    })

    test('repeats in its report that only a promise keeps two runs apart', async () => {
      const vouched = ['--repo', `${store.repo}&single_writer=true`, '--backup-id', 'vouched']
      const end = await expectExit(0, ['backup', ...source(), ...vouched], { env: store.env })
      assert.match(end.stdout, /single_writer: nothing kept a second run from writing/)
    })

    test('says what is wrong with secrets and places, without the secrets', async () => {
      const { env, wrongEnv, repo, absentRepo, secretFlag } = store
      const ends = []
      if (wrongEnv) {
        const denied = await runProgram(['list', '--repo', repo, ...JSON_OUTPUT], { env: wrongEnv })
        assert.equal(denied.exitCode, 8, denied.stderr)
        assert.match(denied.stdout, /KB_STORAGE_PERMISSION/)
        ends.push(denied)
      }
      const absent = await runProgram(['list', '--repo', absentRepo], { env })
      assert.equal(absent.exitCode, 2, absent.stderr)
      assert.match(absent.stderr, store.absentSays)
      const flag = await runProgram(['list', '--repo', repo, secretFlag, 'canary/zQ7'], { env })
      assert.equal(flag.exitCode, 2, flag.stderr)
      for (const { stdout, stderr } of [...ends, absent, flag]) {
        for (const secret of ['zQ7', ...store.secrets]) assert.ok(!(stdout + stderr).includes(secret))
      }
    })
  })
}
