// Live updates. Realtime says that something changed, never what: its messages may be lost, so
// whatever is shown is asked of the Data API.
import type { RealtimeChannel } from '@supabase/supabase-js'
import { useEffect, useState } from 'react'
import { supabase } from './api'

/** Counts up whenever what is shown may be out of date. */
export function useLive(userId: string): number {
  const [turn, setTurn] = useState(0)

  useEffect(() => {
    let soon: number | undefined
    // Many hints at once are one question.
    const refresh = () => {
      soon ??= window.setTimeout(() => {
        soon = undefined
        setTurn((count) => count + 1)
      }, 100)
    }
    const leave = listen(`sms:user:${userId}`, refresh)
    const everyMinute = window.setInterval(refresh, 60_000)
    window.addEventListener('online', refresh)
    document.addEventListener('visibilitychange', refresh)
    return () => {
      leave()
      window.clearTimeout(soon)
      window.clearInterval(everyMinute)
      window.removeEventListener('online', refresh)
      document.removeEventListener('visibilitychange', refresh)
    }
  }, [userId])

  return turn
}

/** Calls `refresh` at every hint and every (re)join, for ever. Returns how to stop. */
function listen(topic: string, refresh: () => void): () => void {
  let current: RealtimeChannel | undefined
  let again: number | undefined
  let failures = 0
  let stopped = false

  async function join() {
    await supabase.realtime.setAuth() // a private channel is joined with the user's token
    if (stopped) return
    const channel = supabase.channel(topic, { config: { private: true } })
    current = channel
    channel
      .on('broadcast', { event: 'message' }, refresh)
      .on('broadcast', { event: 'conversation' }, refresh)
      .subscribe((status) => {
        if (channel !== current) return
        if (status !== 'SUBSCRIBED') return rebuild(channel)
        failures = 0
        refresh()
      })
  }

  // After CLOSED the client never joins again by itself, after CHANNEL_ERROR not always.
  async function rebuild(channel: RealtimeChannel) {
    current = undefined
    await supabase.removeChannel(channel)
    if (stopped) return
    const seconds = Math.min(30, 2 ** failures++) * (0.5 + Math.random() / 2)
    again = window.setTimeout(join, seconds * 1000)
  }

  void join()
  return () => {
    stopped = true
    window.clearTimeout(again)
    if (current) void supabase.removeChannel(current)
    current = undefined
  }
}
