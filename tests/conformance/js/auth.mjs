// Signing up, in and out through supabase-js.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { anonymous, dataOf, privileged, someEmail } from './client.mjs'

const password = 'correct horse battery staple'

async function signUp(client, email = someEmail(), data = {}) {
  return dataOf(await client.auth.signUp({ email, password, options: { data } }))
}

test('a user signs up and has a session', async () => {
  const email = someEmail()
  const { user, session } = await signUp(anonymous(), email, { color: 'blue' })
  assert.equal(user.email, email)
  assert.equal(user.user_metadata.color, 'blue')
  assert.equal(session.token_type, 'bearer')
  assert.equal(user.identities[0].provider, 'email')
})

test('a user signs in with a password, and not with another', async () => {
  const email = someEmail()
  await signUp(anonymous(), email)
  const client = anonymous()
  const { session } = dataOf(await client.auth.signInWithPassword({ email, password }))
  assert.ok(session.expires_at > Date.now() / 1000)
  const { error } = await client.auth.signInWithPassword({ email, password: 'wrong' })
  assert.deepEqual([error.status, error.code], [400, 'invalid_credentials'])
})

test('the session speaks for the user in the database', async () => {
  const client = anonymous()
  const { user } = await signUp(client)
  const who = dataOf(await client.rpc('conformance_whoami'))
  assert.deepEqual(who, { role: 'authenticated', uid: user.id })
})

test('tokens are refreshed and rotate', async () => {
  const client = anonymous()
  const { session } = await signUp(client)
  const refreshed = dataOf(await client.auth.refreshSession())
  assert.notEqual(refreshed.session.refresh_token, session.refresh_token)
  assert.equal(refreshed.user.id, session.user.id)
  const { error } = await anonymous().auth.refreshSession({ refresh_token: 'unknown' })
  assert.equal(error.code, 'refresh_token_not_found')
})

test('the claims are verified with the published keys', async () => {
  const client = anonymous()
  const { user } = await signUp(client)
  const { claims } = dataOf(await client.auth.getClaims())
  assert.equal(claims.sub, user.id)
  assert.equal(claims.role, 'authenticated')
})

test('a user can be read and changed', async () => {
  const client = anonymous()
  await signUp(client)
  dataOf(await client.auth.updateUser({ data: { color: 'red' } }))
  const { user } = dataOf(await client.auth.getUser())
  assert.equal(user.user_metadata.color, 'red')
})

test('a visitor signs in without a name', async () => {
  const client = anonymous()
  const { user } = dataOf(await client.auth.signInAnonymously())
  assert.equal(user.is_anonymous, true)
  const who = dataOf(await client.rpc('conformance_whoami'))
  assert.equal(who.uid, user.id)
})

test('a session ends', async () => {
  const client = anonymous()
  const { session } = await signUp(client)
  assert.equal((await client.auth.signOut()).error, null)
  const { error } = await anonymous().auth.refreshSession(session)
  assert.ok(['refresh_token_not_found', 'session_not_found'].includes(error.code))
})

test('an email can be used once', async () => {
  const email = someEmail()
  await signUp(anonymous(), email)
  const { error } = await anonymous().auth.signUp({ email, password })
  assert.deepEqual([error.status, error.code], [422, 'user_already_exists'])
})

test('a weak password is refused with its reasons', async () => {
  const { error } = await anonymous().auth.signUp({ email: someEmail(), password: 'abc' })
  assert.deepEqual([error.status, error.code], [422, 'weak_password'])
  assert.ok(error.reasons.includes('length'))
})

test('an administrator creates, lists, changes and deletes users', async () => {
  const { admin } = privileged().auth
  const email = someEmail()
  const { user } = dataOf(await admin.createUser({ email, password, email_confirm: true }))
  assert.equal(dataOf(await admin.getUserById(user.id)).user.email, email)
  const changed = dataOf(await admin.updateUserById(user.id, { app_metadata: { plan: 'pro' } }))
  assert.equal(changed.user.app_metadata.plan, 'pro')
  const { users } = dataOf(await admin.listUsers({ page: 1, perPage: 1000 }))
  assert.ok(users.some(({ id }) => id === user.id))
  dataOf(await admin.deleteUser(user.id))
  const { error } = await admin.getUserById(user.id)
  assert.deepEqual([error.status, error.code], [404, 'user_not_found'])
})

test('nobody else administers users', async () => {
  const { error } = await anonymous().auth.admin.listUsers()
  assert.ok([401, 403].includes(error.status))
})
