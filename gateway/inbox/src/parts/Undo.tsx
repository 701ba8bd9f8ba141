// What was just done, in words, with five seconds to take it back.
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sentence } from '../errors'
import { Icon } from './Icon'

const UNDO_MS = 5000

type Done = {
  words: string
  undo?: () => Promise<void>
  /** What is only done once the time is over: it cannot be taken back. */
  finish?: () => Promise<void>
  /** The same while the page is being left. */
  leave?: () => void
  isProblem?: boolean
}
type Tell = { done: (done: Done) => void; problem: (error: unknown) => void; undo: () => void }

const Told = createContext<Tell | null>(null)

export function useTell(): Tell {
  const tell = useContext(Told)
  if (!tell) throw new Error('outside of UndoProvider')
  return tell
}

export function UndoProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Done>()
  const current = useRef<Done>(undefined)
  const timer = useRef<number>(undefined)

  const problem = (error: unknown) => show({ words: sentence(error), isProblem: true })
  const end = () => {
    const ended = current.current
    window.clearTimeout(timer.current)
    current.current = undefined
    setShown(undefined)
    return ended
  }
  const finish = () => void end()?.finish?.().catch(problem)
  const undo = () => void end()?.undo?.().catch(problem)

  function show(next: Done) {
    finish()
    current.current = next
    setShown(next)
    timer.current = window.setTimeout(finish, UNDO_MS)
  }

  const tell = useRef<Tell>({ done: show, problem, undo })
  tell.current = { done: show, problem, undo }
  const [stable] = useState<Tell>(() => ({
    done: (next) => tell.current.done(next),
    problem: (error) => tell.current.problem(error),
    undo: () => tell.current.undo(),
  }))

  useEffect(() => {
    const leave = () => end()?.leave?.()
    window.addEventListener('pagehide', leave)
    return () => window.removeEventListener('pagehide', leave)
  }, [])

  return (
    <Told.Provider value={stable}>
      {children}
      <Notice shown={shown} onUndo={undo} onClose={finish} />
    </Told.Provider>
  )
}

function Notice({ shown, onUndo, onClose }: {
  shown: Done | undefined
  onUndo: () => void
  onClose: () => void
}) {
  const { t } = useTranslation()
  return (
    <div className="notice-area" role="status" aria-live="polite">
      {shown && (
        <div className={shown.isProblem ? 'notice problem' : 'notice'}>
          <span>{shown.words}</span>
          {shown.undo && <button className="plain" onClick={onUndo}>{t('common.undo')}</button>}
          {!shown.undo && (
            <button className="plain icon-only" aria-label={t('common.close')} onClick={onClose}>
              <Icon name="close" size={16} />
            </button>
          )}
        </div>
      )}
    </div>
  )
}
