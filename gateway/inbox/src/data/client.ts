// The Supabase project, as the signed-in user: row level security decides what comes back.
import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import type { Database, Tables } from '../../../../supabase/types/database'
import type { Config } from '../config'

export type Conversation = Tables<'sms_inbox'>
export type Message = Tables<'sms_messages'>
export type PhoneNumber = Tables<'sms_configs'>
export type { Database, Tables }

/** Set once by `connect`, before anything is shown. */
export let supabase: SupabaseClient<Database>

/** Calls a function while the page is being left, when nothing that waits would still run. */
export let callLeaving: (name: keyof Database['public']['Functions'], args: object) => void

export function connect({ url, publishableKey }: Config): void {
  supabase = createClient<Database>(url, publishableKey, { auth: { flowType: 'pkce' } })
  let token = ''
  supabase.auth.onAuthStateChange((_, session) => void (token = session?.access_token ?? ''))
  callLeaving = (name, args) => {
    void fetch(`${url}/rest/v1/rpc/${name}`, {
      method: 'POST',
      keepalive: true,
      headers: {
        apikey: publishableKey,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(args),
    })
  }
}
