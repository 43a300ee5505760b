// The client under test, and what every script needs of it.
import { createClient } from '@supabase/supabase-js'
import WebSocket from 'ws'

const { SIMPOOL_CONFORMANCE_URL: url, SIMPOOL_CONFORMANCE_KEY: key } = process.env
const { SIMPOOL_CONFORMANCE_SECRET_KEY: secretKey } = process.env

function connect(apiKey, options = {}) {
  return createClient(url, apiKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    // before version 22, Node brings no WebSocket of its own
    realtime: { transport: globalThis.WebSocket ?? WebSocket },
    ...options,
  })
}

export const anonymous = (options) => connect(key, options)
export const privileged = (options) => connect(secretKey, options)

/** The data of an answer that must not be an error. */
export function dataOf({ data, error }) {
  if (error) throw new Error(JSON.stringify(error))
  return data
}

export const someEmail = () => `conformance-${crypto.randomUUID()}@example.com`
