import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Message } from '../data/client'
import { money } from '../format/time'
import { countSegments, MAX_CHARACTERS, roomLeft } from '../segments'

/** How many segments what is typed will be billed as, and about what they cost. */
export function Cost({ text, messages }: { text: string; messages: Message[] }) {
  const { t } = useTranslation()
  const segments = useMemo(() => countSegments(text), [text])
  const over = text.length - MAX_CHARACTERS
  if (over > 0) return <span className="problem-words" role="alert">{t('composer.tooLong', { count: over })}</span>

  const each = lastPrice(messages)
  return (
    <span className="cost">
      <span>{t('composer.segments', { count: segments.count })}</span>
      {each && <span>{t('composer.about', { price: money(each.price * segments.count, each.currency) })}</span>}
      <span>{t('composer.left', { count: roomLeft(segments) })}</span>
      {segments.encoding === 'UCS-2' && segments.count > 1 && <span>{t('composer.ucs')}</span>}
    </span>
  )
}

/** What Twilio billed for one segment to this contact the last time. */
function lastPrice(messages: Message[]): { price: number; currency: string } | undefined {
  const priced = messages.findLast(
    ({ direction, price, segments }) => direction === 'outgoing' && price !== null && segments,
  )
  if (!priced?.price || !priced.segments || !priced.price_unit) return undefined
  return { price: -priced.price / priced.segments, currency: priced.price_unit }
}
