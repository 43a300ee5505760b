// Channels through supabase-js, which speaks the newer dialect of the socket.
import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import { test } from 'node:test'

import { anonymous, dataOf, someEmail } from './client.mjs'

const password = 'correct horse battery staple'
const patience = () => AbortSignal.timeout(60_000)

/** A signed-in user whose client is closed when the test ends. */
async function person(context) {
  const client = anonymous()
  context.after(() => client.removeAllChannels())
  const { user } = dataOf(await client.auth.signUp({ email: someEmail(), password }))
  return { client, id: user.id }
}

/** Values that arrive one by one, to be awaited in order. */
class Mailbox extends EventEmitter {
  #values = []

  put = (value) => {
    this.#values.push(value)
    this.emit('value')
  }

  async next() {
    const signal = patience()
    while (this.#values.length === 0) await once(this, 'value', { signal })
    return this.#values.shift()
  }
}

/** Subscribes and returns what the channel hears and its first state. */
async function subscribe(channel) {
  const heard = new Mailbox()
  const states = new Mailbox()
  channel.on('broadcast', { event: '*' }, heard.put)
  channel.subscribe((state) => states.put(state))
  return { heard, states, state: await states.next() }
}

const say = async (client, topic, event, payload) =>
  dataOf(await client.rpc('conformance_say', { topic, event, payload }))

test('messages of the database arrive once, with their id', async (context) => {
  const { client, id } = await person(context)
  const topic = `conformance:${id}`
  const { heard, state } = await subscribe(client.channel(topic, { config: { private: true } }))
  assert.equal(state, 'SUBSCRIBED')
  await say(client, topic, 'first', { n: 1 })
  await say(client, topic, 'second', { n: 2 })
  const first = await heard.next()
  assert.deepEqual([first.event, first.payload.n], ['first', 1])
  assert.equal(first.meta.id, first.payload.id)
  assert.equal((await heard.next()).event, 'second')
})

test('the topic of somebody else is refused', async (context) => {
  const { client } = await person(context)
  const topic = 'conformance:00000000-0000-4000-8000-000000000000'
  const { state } = await subscribe(client.channel(topic, { config: { private: true } }))
  assert.equal(state, 'CHANNEL_ERROR')
})

test('a refreshed session keeps its channels', async (context) => {
  const { client, id } = await person(context)
  const topic = `conformance:${id}`
  const { heard } = await subscribe(client.channel(topic, { config: { private: true } }))
  const { session } = dataOf(await client.auth.refreshSession())
  await client.realtime.setAuth(session.access_token)
  await say(client, topic, 'still', { n: 1 })
  assert.equal((await heard.next()).event, 'still')
})

test('people talk to each other, in JSON and in bytes', async (context) => {
  const [alice, bob] = [await person(context), await person(context)]
  const config = { private: true, broadcast: { self: true, ack: true } }
  const speaking = alice.client.channel('conformance-room', { config })
  const own = await subscribe(speaking)
  const listening = bob.client.channel('conformance-room', { config: { private: true } })
  const other = await subscribe(listening)
  const message = { type: 'broadcast', event: 'json', payload: { x: 1 } }
  assert.equal(await speaking.send(message), 'ok')
  for (const { heard } of [own, other]) assert.deepEqual((await heard.next()).payload, { x: 1 })
  const bytes = new Uint8Array([0, 255]).buffer
  assert.equal(await speaking.send({ type: 'broadcast', event: 'bytes', payload: bytes }), 'ok')
  assert.deepEqual(new Uint8Array((await other.heard.next()).payload), new Uint8Array([0, 255]))
  await speaking.httpSend('http', { x: 2 })
  assert.deepEqual((await other.heard.next()).payload, { x: 2 })
})

test('people see who is there', async (context) => {
  const [alice, bob] = [await person(context), await person(context)]
  const [joins, leaves] = [new Mailbox(), new Mailbox()]
  const config = (key) => ({ config: { private: true, presence: { key } } })
  const watching = alice.client.channel('conformance-room', config('alice'))
  watching.on('presence', { event: 'join' }, ({ key }) => joins.put(key))
  watching.on('presence', { event: 'leave' }, ({ key }) => leaves.put(key))
  await subscribe(watching)
  const coming = bob.client.channel('conformance-room', config('bob'))
  await subscribe(coming)
  assert.equal(await coming.track({ mood: 'good' }), 'ok')
  assert.equal(await joins.next(), 'bob')
  assert.equal(watching.presenceState().bob[0].mood, 'good')
  assert.equal(await coming.untrack(), 'ok')
  assert.equal(await leaves.next(), 'bob')
})

test('changes of rows arrive under policies and filters', async (context) => {
  const { client } = await person(context)
  const [served, changes] = [new Mailbox(), new Mailbox()]
  const table = { schema: 'public', table: 'conformance_notes' }
  const filter = 'body=neq.secret'
  const channel = client
    .channel('notes')
    .on('system', {}, served.put)
    .on('postgres_changes', { ...table, event: 'INSERT', filter }, changes.put)
    .on('postgres_changes', { ...table, event: 'UPDATE', filter }, changes.put)
    // of a deleted row only the key is known, so no filter on its text can hold
    .on('postgres_changes', { ...table, event: 'DELETE' }, changes.put)
  const { state } = await subscribe(channel)
  assert.equal(state, 'SUBSCRIBED')
  assert.equal((await served.next()).message, 'Subscribed to PostgreSQL')
  const notes = () => client.from('conformance_notes')
  dataOf(await notes().insert([{ body: 'secret' }, { body: 'open' }]))
  const inserted = await changes.next()
  assert.deepEqual([inserted.eventType, inserted.new.body], ['INSERT', 'open'])
  dataOf(await notes().update({ body: 'changed' }).eq('id', inserted.new.id))
  const updated = await changes.next()
  assert.deepEqual([updated.new.body, updated.old], ['changed', { id: inserted.new.id }])
  dataOf(await notes().delete().eq('id', inserted.new.id))
  const deleted = await changes.next()
  assert.deepEqual([deleted.eventType, deleted.old], ['DELETE', { id: inserted.new.id }])
})
