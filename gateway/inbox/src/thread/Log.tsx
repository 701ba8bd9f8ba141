import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Message } from '../data/client'
import type { getPendingReply } from '../data/conversations'
import type { Thread } from '../data/messages'
import { Icon } from '../parts/Icon'
import { Sheet } from './Sheet'
import { UnsavedBubble } from './UnsavedBubble'
import type { Outbox } from './useOutbox'

/** How many messages are drawn together, or not at all while they are far away. */
const SHEET = 40
/** The next page of older messages is asked for this far before the top is seen. */
const AHEAD = '1200px'

/**
 * The messages, oldest first. The scroller counts from its end (column-reverse), so older messages
 * that come in at the top move nothing.
 */
export function Log({ problem, thread, outbox, pending, loadOlder }: {
  problem: string
  thread: Thread | undefined
  outbox: Outbox
  pending: Awaited<ReturnType<typeof getPendingReply>> | undefined
  loadOlder: () => Promise<void>
}) {
  const { t } = useTranslation()
  const scroller = useRef<HTMLDivElement>(null)
  const [isUp, setUp] = useState(false)
  const messages = thread?.messages ?? []
  const sheets = useSheets(messages)

  return (
    <div className="log-place">
      {problem && <p role="alert" className="problem">{problem}</p>}
      <div
        className="log"
        ref={scroller}
        role="log"
        aria-label={t('thread.log')}
        tabIndex={0}
        onScroll={(event) => setUp(event.currentTarget.scrollTop < -400)}
      >
        <div className="log-inside">
          {thread && !thread.hasOlder && <p className="log-start">{t('thread.start')}</p>}
          {thread?.hasOlder && <Older load={loadOlder} scroller={scroller} />}
          {sheets.map(({ start, from, to }) => (
            <Sheet
              key={start}
              scroller={scroller}
              messages={messages.slice(from, to)}
              before={messages[from - 1]}
            />
          ))}
          {outbox.unsaved.map((message) => (
            <UnsavedBubble
              key={message.clientRef}
              message={message}
              onAgain={() => outbox.sendAgain(message)}
              onRemove={() => outbox.remove(message)}
            />
          ))}
          {pending?.reply_due_at && (
            <p className="log-note" role="status">
              <span className="dots" aria-hidden="true"><i /><i /><i /></span>
              {t(pending.leased_for === 'reply' ? 'thread.generating' : 'thread.pending')}
            </p>
          )}
        </div>
      </div>
      {isUp && (
        <button
          className="to-newest"
          aria-label={t('thread.newest')}
          title={t('thread.newest')}
          onClick={() => scroller.current?.scrollTo({ top: 0, behavior: 'smooth' })}
        >
          <Icon name="down" />
        </button>
      )}
    </div>
  )
}

/** Each begins with the same message for as long as the thread is shown. */
function useSheets(messages: Message[]): { start: number; from: number; to: number }[] {
  const starts = useRef<number[]>([])
  const known = starts.current
  const places = known.map((start) => messages.findIndex((message) => message.id === start))
  for (let place = (places[0] ?? 0) - SHEET; place > -SHEET && known.length; place -= SHEET) {
    known.unshift(messages[Math.max(0, place)]!.id)
    places.unshift(Math.max(0, place))
  }
  for (let place = known.length ? places.at(-1)! + SHEET : 0; place < messages.length; place += SHEET) {
    known.push(messages[place]!.id)
    places.push(place)
  }
  return known.map((start, at) => ({
    start,
    from: places[at]!,
    to: places[at + 1] ?? messages.length,
  }))
}

/** Asks for the page before as soon as it is nearly seen; by the button when that failed. */
function Older({ load, scroller }: { load: () => Promise<void>; scroller: React.RefObject<HTMLDivElement | null> }) {
  const { t } = useTranslation()
  const [isBusy, setBusy] = useState(false)
  const button = useRef<HTMLButtonElement>(null)

  async function ask() {
    setBusy(true)
    await load().catch(() => undefined)
    setBusy(false)
  }
  const newest = useRef(ask)
  newest.current = ask

  useEffect(() => {
    if (isBusy || !button.current) return
    const watch = new IntersectionObserver(
      ([entry]) => entry?.isIntersecting && void newest.current(),
      { root: scroller.current, rootMargin: `${AHEAD} 0px 0px 0px` },
    )
    watch.observe(button.current)
    return () => watch.disconnect()
  }, [isBusy, scroller])

  return (
    <button className="plain older" ref={button} disabled={isBusy} onClick={ask}>
      {t(isBusy ? 'thread.loadingOlder' : 'thread.older')}
    </button>
  )
}
