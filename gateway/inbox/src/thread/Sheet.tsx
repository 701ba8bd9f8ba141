import { memo, type RefObject, useEffect, useRef, useState } from 'react'
import type { Message } from '../data/client'
import { dayMark, sameDay } from '../format/time'
import { Bubble } from './Bubble'

/** Drawn when it is this near to what is seen. */
const NEAR = '1500px 0px'

type Props = {
  scroller: RefObject<HTMLElement | null>
  messages: Message[]
  /** The one above the first. */
  before: Message | undefined
}

/** Some messages; while they are far away, only their height is in the page. */
export const Sheet = memo(function Sheet({ scroller, messages, before }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const height = useRef(0)
  const [isNear, setNear] = useState(true)

  useEffect(() => {
    if (!place.current) return
    const watch = new IntersectionObserver(
      ([entry]) => {
        if (!entry) return
        if (!entry.isIntersecting) height.current = entry.boundingClientRect.height
        setNear(entry.isIntersecting)
      },
      { root: scroller.current, rootMargin: NEAR },
    )
    watch.observe(place.current)
    return () => watch.disconnect()
  }, [scroller])

  return (
    <div className="sheet" ref={place} style={isNear ? undefined : { height: height.current }}>
      {isNear && messages.map((message, at) => (
        <Line key={message.id} message={message} before={messages[at - 1] ?? before} />
      ))}
    </div>
  )
}, sameMessages)

function sameMessages(one: Props, other: Props): boolean {
  return one.before === other.before
    && one.messages.length === other.messages.length
    && one.messages.every((message, at) => message === other.messages[at])
}

function Line({ message, before }: { message: Message; before: Message | undefined }) {
  const isNewDay = !before || !sameDay(before.occurred_at, message.occurred_at)
  return (
    <>
      {isNewDay && <p className="day"><span>{dayMark(message.occurred_at)}</span></p>}
      <Bubble message={message} isFollowing={!isNewDay && follows(message, before)} />
    </>
  )
}

/** By the same author within two minutes. */
function follows(message: Message, before: Message | undefined): boolean {
  if (before?.author !== message.author) return false
  return Date.parse(message.occurred_at) - Date.parse(before.occurred_at) < 120_000
}
