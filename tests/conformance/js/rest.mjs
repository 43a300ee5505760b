// Tables and functions through supabase-js.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { anonymous, dataOf, privileged } from './client.mjs'

const client = anonymous()
const items = () => client.from('conformance_items')

before(async () => {
  dataOf(await privileged().rpc('conformance_reset'))
})

test('a table is selected, filtered and ordered', async () => {
  const found = dataOf(
    await items().select('id, label:name').gt('id', 1).order('id', { ascending: false }),
  )
  assert.deepEqual(found, [
    { id: 3, label: 'third, "quoted"' },
    { id: 2, label: 'second' },
  ])
})

test('every filter finds what it should', async () => {
  const ids = async (query) => dataOf(await query.order('id')).map(({ id }) => id)
  const from = () => items().select('id')
  assert.deepEqual(await ids(from().eq('name', 'second')), [2])
  assert.deepEqual(await ids(from().neq('name', 'second')), [1, 3])
  assert.deepEqual(await ids(from().in('name', ['first', 'second'])), [1, 2])
  assert.deepEqual(await ids(from().like('name', '%ir%')), [1, 3])
  assert.deepEqual(await ids(from().ilike('name', 'SEC%')), [2])
  assert.deepEqual(await ids(from().is('note', null)), [2, 3])
  assert.deepEqual(await ids(from().not('note', 'is', null)), [1])
  assert.deepEqual(await ids(from().contains('tags', ['a', 'b'])), [1])
  assert.deepEqual(await ids(from().containedBy('tags', ['a', 'c'])), [2, 3])
  assert.deepEqual(await ids(from().overlaps('tags', ['b', 'c'])), [1, 2])
  assert.deepEqual(await ids(from().contains('meta', { size: 2 })), [2])
  assert.deepEqual(await ids(from().eq('meta->>size', '1')), [1])
  assert.deepEqual(await ids(from().or('id.eq.1,and(id.gt.2,note.is.null)')), [1, 3])
  assert.deepEqual(await ids(from().match({ id: 2, name: 'second' })), [2])
  assert.deepEqual(await ids(from().gte('id', 2).lte('id', 2)), [2])
})

test('related resources are nested', async () => {
  const found = dataOf(
    await items()
      .select('id, conformance_parts(name, item:conformance_items(name))')
      .eq('id', 1)
      .order('name', { referencedTable: 'conformance_parts', ascending: false })
      .limit(1, { referencedTable: 'conformance_parts' }),
  )
  assert.deepEqual(found, [
    { id: 1, conformance_parts: [{ name: 'wheel', item: { name: 'first' } }] },
  ])
})

test('ranges and counts', async () => {
  const { data, count, status } = await items()
    .select('id', { count: 'exact' })
    .order('id')
    .range(1, 1)
  assert.deepEqual({ data, count, status }, { data: [{ id: 2 }], count: 3, status: 206 })
  const head = await items().select('*', { count: 'exact', head: true })
  assert.deepEqual([head.data, head.count], [null, 3])
})

test('single rows', async () => {
  assert.equal(dataOf(await items().select('name').eq('id', 2).single()).name, 'second')
  assert.equal(dataOf(await items().select().eq('id', 99).maybeSingle()), null)
  const { error, status } = await items().select().single()
  assert.deepEqual([status, error.code], [406, 'PGRST116'])
})

test('rows are inserted, updated, merged and deleted', async () => {
  const inserted = dataOf(await items().insert([{ name: 'x' }, { name: 'y' }]).select('name'))
  assert.deepEqual(inserted, [{ name: 'x' }, { name: 'y' }])
  const updated = dataOf(
    await items().update({ note: 'seen' }).eq('name', 'x').select('note').single(),
  )
  assert.deepEqual(updated, { note: 'seen' })
  const merged = dataOf(
    await items()
      .upsert({ name: 'x', note: 'merged' }, { onConflict: 'name' })
      .select('note')
      .single(),
  )
  assert.deepEqual(merged, { note: 'merged' })
  const ignored = dataOf(
    await items()
      .upsert({ name: 'x', note: 'no' }, { onConflict: 'name', ignoreDuplicates: true })
      .select(),
  )
  assert.deepEqual(ignored, [])
  const { status, count } = await items().delete({ count: 'exact' }).in('name', ['x', 'y'])
  assert.deepEqual([status, count], [204, 2])
})

test('a change of every row is refused', async () => {
  const { error, status } = await items().update({ note: 'all' })
  assert.deepEqual([status, error.code], [400, '21000'])
})

test('too many affected rows undo a change', async () => {
  const { error } = await items().update({ note: 'all' }).gt('id', 0).maxAffected(1)
  assert.equal(error.code, 'PGRST124')
})

test('functions return scalars, rows and nothing', async () => {
  assert.equal(dataOf(await client.rpc('conformance_add', { a: 2, b: 3 })), 5)
  assert.equal(dataOf(await client.rpc('conformance_add', { a: 2 }, { get: true })), 3)
  const rows = dataOf(await client.rpc('conformance_numbers', { upto: 4 }).select('n').gt('n', 2))
  assert.deepEqual(rows, [{ n: 3 }, { n: 4 }])
  const nothing = await client.rpc('conformance_nothing')
  assert.deepEqual([nothing.status, nothing.data], [204, null])
  const { count } = await client.rpc('conformance_numbers', { upto: 4 }, { head: true, count: 'exact' })
  assert.equal(count, 4)
})

test('errors keep code, message, details and hint', async () => {
  const { error, status } = await client.rpc('conformance_fail', { state: 'PT409' })
  assert.equal(status, 409)
  const { code, message, details, hint } = error
  assert.deepEqual(
    { code, message, details, hint },
    { code: 'PT409', message: 'refused', details: 'because', hint: 'do not' },
  )
  const missing = await client.rpc('conformance_absent')
  assert.deepEqual([missing.status, missing.error.code], [404, 'PGRST202'])
  const duplicate = await items().insert({ name: 'first' })
  assert.deepEqual([duplicate.status, duplicate.error.code], [409, '23505'])
})

test('text may be CSV', async () => {
  const csv = dataOf(await items().select('id,name').lte('id', 2).order('id').csv())
  assert.equal(csv, 'id,name\n1,first\n2,second')
})
