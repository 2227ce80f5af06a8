import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { OffsetCache } from '../../src/observe/offset-cache.ts'
import { readOffsetState } from '../../src/observe/offset-schema.ts'
import { readLocalState } from '../../src/observe/read-offset-state.ts'
import { openSerialized } from '../../src/observe/serialized-database.ts'
import { jobRow, mark, offsetRow, REPOSITORY, withDatabasePath } from './offset-samples.ts'

const PLACE = { backupId: 'daily', repository: REPOSITORY }
const ROWS = [offsetRow(0, 99n), offsetRow(1, 2n ** 62n)]

/** A cache that has begun with {@link ROWS}, and what it complained of. */
function begun(path: string): { cache: OffsetCache; damage: string[] } {
  const damage: string[] = []
  const cache = new OffsetCache(path, (text) => damage.push(text))
  cache.begin({ job: jobRow(), offsets: ROWS })
  return { cache, damage }
}

async function stateAt(path: string) {
  const { state, complaint } = await readLocalState(path, PLACE)
  assert.equal(complaint, null)
  assert.ok(state)
  return state
}

describe('the database of a machine', () => {
  test('has the two tables of the requirements, column for column, and every value as it was', () =>
    withDatabasePath(async (path) => {
      begun(path).cache.close()
      const database = new DatabaseSync(path)
      const columns = (table: string) =>
        database
          .prepare(`SELECT name, type FROM pragma_table_info(?)`)
          .all(table)
          .map((row) => `${row.name} ${row.type}`)
      assert.deepEqual(columns('offsets'), [
        'backup_id TEXT',
        'topic TEXT',
        'partition INTEGER',
        'last_offset INTEGER',
        'checkpoint_ts INTEGER',
      ])
      assert.deepEqual(columns('backup_jobs'), [
        'backup_id TEXT',
        'source_cluster_id TEXT',
        'status TEXT',
        'created_at INTEGER',
        'last_heartbeat INTEGER',
        'last_checkpoint INTEGER',
      ])
      database.close()
      const { seen, ...state } = await stateAt(path)
      assert.deepEqual(state, { job: jobRow(), offsets: ROWS })
      assert.deepEqual(seen, { ...mark(7n), seenAtMs: 1_700_000_200_000n })
    }))

  test('takes what a commit has changed, and drops at the next begin what the commits do not have', () =>
    withDatabasePath(async (path) => {
      const { cache } = begun(path)
      cache.save({ job: jobRow({ commit: mark(8n) }), offsets: [offsetRow(0, 120n)] })
      assert.deepEqual((await stateAt(path)).offsets, [offsetRow(0, 120n), ROWS[1]])
      cache.begin({ job: jobRow(), offsets: [offsetRow(5, 3n)] })
      assert.deepEqual((await stateAt(path)).offsets, [offsetRow(5, 3n)])
      cache.close()
    }))

  test('is read while a run writes it, and by a second run of another backup', () =>
    withDatabasePath(async (path) => {
      const { cache, damage } = begun(path)
      const other = new OffsetCache(path, (text) => damage.push(text))
      other.begin({ job: jobRow({ backupId: 'hourly' }), offsets: [offsetRow(0, 1n)] })
      cache.save({ job: jobRow({ reason: 'still here' }), offsets: [] })
      assert.equal((await stateAt(path)).job.reason, 'still here')
      assert.deepEqual((await stateAt(path)).offsets, ROWS)
      const hourly = (await readLocalState(path, { ...PLACE, backupId: 'hourly' })).state
      assert.deepEqual(hourly?.offsets, [offsetRow(0, 1n)])
      assert.deepEqual(damage, [])
      cache.close()
      other.close()
    }))

  test('is written while somebody reads it at length', () =>
    withDatabasePath(async (path) => {
      const { cache } = begun(path)
      const reader = new DatabaseSync(path, { readOnly: true })
      reader.exec('BEGIN')
      reader.prepare('SELECT topic FROM offsets').all()
      cache.save({ job: jobRow({ commit: mark(8n) }), offsets: [offsetRow(0, 120n)] })
      reader.close()
      assert.deepEqual((await stateAt(path)).offsets, [offsetRow(0, 120n), ROWS[1]])
      cache.close()
    }))

  test('says nothing of a backup of the same name in another repository', () =>
    withDatabasePath(async (path) => {
      begun(path).cache.close()
      assert.deepEqual(await readLocalState(path, { ...PLACE, repository: 's3://other' }), {
        state: null,
        complaint: null,
      })
    }))
})

describe('the highest commit that was seen', () => {
  test('is told at the begin, and grows with the commits', () =>
    withDatabasePath(async (path) => {
      const { cache } = begun(path)
      cache.save({ job: jobRow({ commit: mark(9n, 'c') }), offsets: [] })
      assert.deepEqual((await stateAt(path)).seen?.number, 9n)
      const seen = cache.begin({ job: jobRow({ commit: mark(9n, 'c') }), offsets: [] })
      assert.deepEqual(seen, { ...mark(9n, 'c'), seenAtMs: 1_700_000_200_000n })
      cache.close()
    }))

  test('outlives a log that was put back, until the next commit behind it', () =>
    withDatabasePath(async (path) => {
      const { cache } = begun(path)
      const putBack = { job: jobRow({ commit: mark(3n) }), offsets: [] }
      assert.equal(cache.begin(putBack)?.number, 7n)
      cache.save(putBack)
      assert.equal((await stateAt(path)).seen?.number, 7n)
      cache.save({ job: jobRow({ commit: mark(4n, 'd') }), offsets: [] })
      assert.deepEqual((await stateAt(path)).seen?.number, 4n)
      assert.equal(cache.begin({ job: jobRow({ commit: mark(4n, 'd') }), offsets: [] })?.number, 4n)
      cache.close()
    }))

  test('is not lowered by a run that is behind another one on this machine', () =>
    withDatabasePath(async (path) => {
      const { cache } = begun(path)
      const other = begun(path).cache
      other.save({ job: jobRow({ commit: mark(12n) }), offsets: [] })
      cache.save({ job: jobRow({ commit: mark(8n) }), offsets: [] })
      assert.equal((await stateAt(path)).seen?.number, 12n)
      cache.close()
      other.close()
    }))
})

describe('a file that something happened to', () => {
  test('is made anew with everything when it is removed under the run', () =>
    withDatabasePath(async (path) => {
      const { cache, damage } = begun(path)
      for (const ending of ['', '-wal', '-shm']) rmSync(path + ending, { force: true })
      cache.save({ job: jobRow(), offsets: [offsetRow(0, 100n)] })
      assert.deepEqual((await stateAt(path)).offsets, [offsetRow(0, 100n), ROWS[1]])
      assert.deepEqual(damage, [])
      cache.close()
    }))

  for (const [what, harm] of [
    ['garbage', (path: string) => writeFileSync(path, Buffer.alloc(20_000, 'no database '))],
    ['cut in its middle', (path: string) => truncateSync(path, 5_000)],
    ['full of zeros behind its first page', overwriteWithZeros],
  ] as const) {
    test(`is put aside and made anew with everything when it is ${what}`, () =>
      withDatabasePath(async (path) => {
        const { cache: first } = begun(path)
        first.close()
        harm(path)
        // As a run that was killed leaves it.
        writeFileSync(`${path}-wal`, 'an old journal')
        const harmed = readFileSync(path)
        const { cache, damage } = begun(path)
        assert.deepEqual((await stateAt(path)).offsets, ROWS)
        assert.deepEqual(damage, [`it was damaged, is now ${path}.damaged, and was made anew`])
        assert.deepEqual(readFileSync(`${path}.damaged`).subarray(4_096), harmed.subarray(4_096))
        cache.close()
      }))
  }

  test('is written over with what is true when an older copy of it is put back', () =>
    withDatabasePath(async (path) => {
      const { cache: first } = begun(path)
      first.close()
      copyFileSync(path, `${path}.old`)
      const { cache: second } = begun(path)
      second.save({ job: jobRow({ commit: mark(20n) }), offsets: [offsetRow(0, 500n)] })
      second.close()
      copyFileSync(`${path}.old`, path)
      const third = new OffsetCache(path, () => assert.fail('nothing is damaged'))
      const seen = third.begin({ job: jobRow({ commit: mark(20n) }), offsets: [offsetRow(0, 500n)] })
      assert.equal(seen?.number, 7n, 'the old copy knows less, and no more')
      assert.deepEqual((await stateAt(path)).offsets, [offsetRow(0, 500n)])
      assert.equal((await stateAt(path)).seen?.number, 20n)
      third.close()
    }))

  test('keeps what other programs have in it', () =>
    withDatabasePath(async (path) => {
      const database = new DatabaseSync(path)
      database.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')")
      database.close()
      begun(path).cache.close()
      const again = new DatabaseSync(path)
      assert.equal(again.prepare('SELECT text FROM notes').get()?.text, 'mine')
      again.close()
    }))

  test('is waited for when another process holds it, and taken up again later', { timeout: 30_000 }, () =>
    withDatabasePath(async (path) => {
      const { cache } = begun(path)
      const holder = new DatabaseSync(path)
      holder.exec('BEGIN IMMEDIATE')
      const late = { job: jobRow({ commit: mark(8n) }), offsets: [offsetRow(0, 150n)] }
      assert.throws(() => cache.save(late), /database is locked/)
      holder.exec('ROLLBACK')
      holder.close()
      cache.save({ job: jobRow({ commit: mark(9n) }), offsets: [] })
      assert.deepEqual((await stateAt(path)).offsets, [offsetRow(0, 150n), ROWS[1]])
      cache.close()
    }),
  )
})

describe('a place where no file can be', () => {
  const isRoot = process.getuid?.() === 0

  test('is told as it is, for each', () =>
    withDatabasePath(async (path) => {
      const inAFile = join(path, 'offsets.db')
      writeFileSync(path, 'a file')
      assert.throws(() => begun(inAFile), /ENOTDIR|EEXIST|not a directory/)
      rmSync(path)
      mkdirSync(path)
      assert.throws(() => begun(path), /it is not a file/)
      if (isRoot) return
      const folder = join(path, 'closed')
      mkdirSync(folder, { mode: 0o500 })
      assert.throws(() => begun(join(folder, 'offsets.db')), /unable to open database file/)
      assert.deepEqual(readdirSync(folder), [])
      chmodSync(folder, 0o700)
    }))

  test('is not waited at when it is a pipe', { timeout: 10_000 }, (t) =>
    withDatabasePath(async (path) => {
      if (spawnSync('mkfifo', [path]).status !== 0) return t.skip('no mkfifo')
      assert.throws(() => begun(path), /it is not a file/)
      assert.match((await readLocalState(path, PLACE)).complaint ?? '', /it is not a file/)
    }),
  )
})

describe('the copy for the repository', () => {
  test('is a plain database of this backup alone, also when there is no file', () => {
    const cache = new OffsetCache(null, () => assert.fail('there is no file'))
    cache.begin({ job: jobRow(), offsets: ROWS })
    const bytes = cache.render()
    assert.equal(Buffer.from(bytes.subarray(0, 15)).toString(), 'SQLite format 3')
    const database = openSerialized(bytes)
    const state = readOffsetState(database, { backupId: 'daily', repository: null, rowsMax: 10 })
    assert.deepEqual(state, { job: jobRow(), offsets: ROWS, seen: null })
    assert.equal(database.prepare('SELECT count(*) AS jobs FROM backup_jobs').get()?.jobs, 1)
    database.close()
  })

  test('has nothing of another backup in the same file, and is complete when the file is lost', () =>
    withDatabasePath(async (path) => {
      const { cache } = begun(path)
      const other = new OffsetCache(path, () => undefined)
      other.begin({ job: jobRow({ backupId: 'hourly' }), offsets: [offsetRow(0, 1n)] })
      other.close()
      rmSync(dirname(path), { recursive: true })
      const text = Buffer.from(cache.render()).toString('latin1')
      assert.equal(text.includes('hourly'), false)
      const database = openSerialized(cache.render())
      assert.deepEqual(
        readOffsetState(database, { backupId: 'daily', repository: null, rowsMax: 10 })?.offsets,
        ROWS,
      )
      database.close()
      cache.close()
      mkdirSync(dirname(path))
    }))

  test('with a view in the place of a table says nothing', () => {
    const database = new DatabaseSync(':memory:')
    database.exec(
      'CREATE VIEW offsets AS SELECT 1 AS backup_id; CREATE TABLE backup_jobs (a); CREATE TABLE job_details (a)',
    )
    assert.equal(readOffsetState(database, { backupId: 'daily', repository: null, rowsMax: 10 }), null)
    database.close()
  })
})

function overwriteWithZeros(path: string): void {
  assert.ok(existsSync(path))
  const bytes = readFileSync(path)
  writeFileSync(path, Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(bytes.length - 4_096)]))
}
