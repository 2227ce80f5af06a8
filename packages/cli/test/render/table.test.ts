import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderTable } from '../../src/render/table.ts'

test('columns are as wide as their widest cell, numbers stand on the right, no line ends with spaces', () => {
  const text = renderTable(
    [{ title: 'topic' }, { title: 'records', isNumeric: true }, { title: 'newest' }],
    [
      ['orders', '1', 'now'],
      ['a-topic-with-a-long-name', '1,234,567', ''],
    ],
  )
  assert.deepEqual(text.split('\n'), [
    'TOPIC                       RECORDS  NEWEST',
    'orders                            1  now',
    'a-topic-with-a-long-name  1,234,567',
  ])
})

test('a table without rows is its titles', () => {
  assert.equal(renderTable([{ title: 'backup' }, { title: 'commit', isNumeric: true }], []), 'BACKUP  COMMIT')
})

test('a row that is too short has empty cells', () => {
  assert.equal(renderTable([{ title: 'a' }, { title: 'b' }], [['1']]), 'A  B\n1')
})

test('a table may have more rows than a function takes arguments', () => {
  const rows = Array.from({ length: 300_000 }, (_, at) => [`${at}`])
  assert.match(renderTable([{ title: 'offset', isNumeric: true }], rows), /\n299999$/)
})
