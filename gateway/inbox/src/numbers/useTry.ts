import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { cancelReplay, type Changes, getReplay, startPreview } from '../data/replays'
import { sentence } from '../errors'

/** A worker answers within seconds when it has nothing else to do. */
const LATE_MS = 30_000
const LOOK_AGAIN_MS = 1000

export type Asked = { id: string; message: string; changes: number }

/** A message asked for its answer; the newest one. */
export function useTry(number: string) {
  const [asked, setAsked] = useState<Asked>()
  const [problem, setProblem] = useState('')
  const [isAsking, setAsking] = useState(false)
  const [isLate, setLate] = useState(false)
  const { data: replay, error } = useQuery({
    queryKey: ['replay', asked?.id],
    queryFn: () => getReplay(asked?.id ?? ''),
    enabled: asked !== undefined,
    refetchInterval: ({ state }) => (!state.data || state.data.status === 'running') && LOOK_AGAIN_MS,
  })
  const isWaiting = isAsking || (asked !== undefined && (!replay || replay.status === 'running'))

  useEffect(() => {
    setLate(false)
    if (!isWaiting || !asked) return
    const patience = window.setTimeout(() => setLate(true), LATE_MS)
    return () => window.clearTimeout(patience)
  }, [isWaiting, asked])

  async function ask(message: string, changes: Changes) {
    setAsking(true)
    setProblem('')
    try {
      const id = await startPreview(number, changes, message)
      setAsked({ id, message, changes: Object.keys(changes).length })
    } catch (refused) {
      setAsked(undefined)
      setProblem(sentence(refused))
    } finally {
      setAsking(false)
    }
  }

  async function stop() {
    if (!asked) return
    setAsked(undefined)
    await cancelReplay(asked.id).catch((refused: unknown) => setProblem(sentence(refused)))
  }

  return {
    asked,
    replay,
    isWaiting,
    isLate,
    problem: problem || (error && !replay ? sentence(error) : ''),
    ask,
    stop,
  }
}
