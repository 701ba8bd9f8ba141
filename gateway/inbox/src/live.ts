// Realtime says that something changed, never what: its messages may be lost, so whatever is shown
// is asked of the Data API.
import type { RealtimeChannel } from '@supabase/supabase-js'
import { supabase } from './data/client'

export type Live = {
  /** Something changed in this conversation. */
  onHint: (conversationId: string) => void
  /** Hints may have been missed: look at everything. */
  onGap: () => void
  onState: (isConnected: boolean) => void
}

/** Stays on the account's channel for ever; returns how to leave. */
export function listen(account: string, { onHint, onGap, onState }: Live): () => void {
  let current: RealtimeChannel | undefined
  let again: number | undefined
  let failures = 0
  let stopped = false

  async function join() {
    await supabase.realtime.setAuth() // a private channel is joined with the user's token
    if (stopped) return
    const channel = supabase.channel(`sms:user:${account}`, { config: { private: true } })
    current = channel
    const hear = ({ payload }: { payload?: { conversation_id?: string } }) =>
      payload?.conversation_id ? onHint(payload.conversation_id) : onGap()
    channel
      .on('broadcast', { event: 'message' }, hear)
      .on('broadcast', { event: 'conversation' }, hear)
      .subscribe((status) => {
        if (channel !== current) return
        if (status !== 'SUBSCRIBED') return void rebuild(channel)
        failures = 0
        onState(true)
        onGap()
      })
  }

  // A channel whose token ended is CLOSED and the client never joins it again by itself; after
  // CHANNEL_ERROR not always. Another one is made, with the token of now.
  async function rebuild(channel: RealtimeChannel) {
    current = undefined
    onState(false)
    await supabase.removeChannel(channel)
    if (stopped) return
    const seconds = Math.min(30, 2 ** failures++) * (0.5 + Math.random() / 2)
    again = window.setTimeout(join, seconds * 1000)
  }

  function joinNow() {
    if (current || stopped) return
    window.clearTimeout(again)
    failures = 0
    void join()
  }

  void join()
  window.addEventListener('online', joinNow)
  return () => {
    stopped = true
    window.clearTimeout(again)
    window.removeEventListener('online', joinNow)
    if (current) void supabase.removeChannel(current)
    current = undefined
  }
}
