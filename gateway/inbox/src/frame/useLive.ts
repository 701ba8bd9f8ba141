import { useEffect, useState } from 'react'
import { useAccount } from '../account'
import { refreshAll, refreshConversations } from '../data/queries'
import { listen } from '../live'

const EVERY_MINUTE = 60_000
const WITHOUT_REALTIME = 10_000
/** Many hints at once are one question. */
const GATHER_MS = 100
/** A page that was frozen for longer than this may have missed something. */
const SLEPT_MS = 20_000
/** A reconnect is told only when it takes longer. */
const PATIENCE_MS = 4000

export type Connection = 'live' | 'reconnecting' | 'offline'

/** Keeps all that is shown up to date; says how. */
export function useLive(): Connection {
  const { id: account } = useAccount()
  const [isConnected, setConnected] = useState(true)
  const [isOnline, setOnline] = useState(navigator.onLine)

  useEffect(() => {
    const hinted = new Set<string>()
    let soon: number | undefined
    let patience: number | undefined

    function gather(id: string) {
      hinted.add(id)
      soon ??= window.setTimeout(() => {
        soon = undefined
        const ids = [...hinted]
        hinted.clear()
        refreshConversations(ids).catch(() => undefined) // the next hint or minute asks again
      }, GATHER_MS)
    }

    const leave = listen(account, {
      onHint: gather,
      onGap: () => void refreshAll(),
      onState: (is) => {
        window.clearTimeout(patience)
        if (is) setConnected(true)
        else patience = window.setTimeout(() => setConnected(false), PATIENCE_MS)
      },
    })
    return () => {
      leave()
      window.clearTimeout(soon)
      window.clearTimeout(patience)
    }
  }, [account])

  useEffect(() => {
    const every = isConnected ? EVERY_MINUTE : WITHOUT_REALTIME
    const clock = window.setInterval(() => void refreshAll(), every)
    return () => window.clearInterval(clock)
  }, [isConnected])

  useEffect(() => {
    let seen = Date.now()
    const beat = window.setInterval(() => {
      if (Date.now() - seen > SLEPT_MS) void refreshAll()
      seen = Date.now()
    }, 5000)
    const look = () => {
      setOnline(navigator.onLine)
      if (document.visibilityState === 'visible') void refreshAll()
    }
    window.addEventListener('online', look)
    window.addEventListener('offline', look)
    document.addEventListener('visibilitychange', look)
    return () => {
      window.clearInterval(beat)
      window.removeEventListener('online', look)
      window.removeEventListener('offline', look)
      document.removeEventListener('visibilitychange', look)
    }
  }, [])

  if (!isOnline) return 'offline'
  return isConnected ? 'live' : 'reconnecting'
}
