import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Message } from '../data/client'
import { listPassages } from '../data/knowledge'
import { listToolCalls, type ToolCall } from '../data/tools'
import { phone } from '../format/phone'
import { count, dateTime, duration, utcDay } from '../format/time'
import { Passages } from '../knowledge/Passages'
import { Icon } from '../parts/Icon'

/** What a reply of the assistant was made with: tools it called, passages it was shown. */
export function Why({ message }: { message: Message }) {
  const { t } = useTranslation()
  const used = message.used ?? []
  const { data: calls = [] } = useQuery({
    queryKey: ['toolCalls', message.id],
    queryFn: () => listToolCalls(message.id),
    enabled: message.direction === 'outgoing',
  })
  const { data: passages = [] } = useQuery({
    queryKey: ['passages', used],
    queryFn: () => listPassages(used),
    enabled: used.length > 0,
  })

  return (
    <>
      {calls.length > 0 && (
        <div className="why-block">
          <p className="quiet-words">{t('details.tools')}</p>
          <ol className="calls">{calls.map((call) => <Call key={call.id} call={call} />)}</ol>
        </div>
      )}
      {passages.length > 0 && (
        <div className="why-block">
          <p className="quiet-words">{t('details.used')}</p>
          <Passages passages={passages} />
        </div>
      )}
    </>
  )
}

function Call({ call }: { call: ToolCall }) {
  const { t } = useTranslation()
  const isFine = call.error === null
  return (
    <li className="call">
      <p className="call-name">
        <Icon name={isFine ? 'check' : 'alert'} size={14} />
        <bdi>{call.name.replaceAll('_', ' ')}</bdi>
        {call.duration_ms !== null && <span className="quiet-words">{duration(call.duration_ms / 1000)}</span>}
      </p>
      <Values value={call.arguments} />
      <p className={isFine ? 'call-result' : 'call-result problem-words'} aria-label={t('details.result')}>
        → <bdi>{call.error ?? plain(call.result)}</bdi>
      </p>
    </li>
  )
}

export function Values({ value }: { value: ToolCall['arguments'] }) {
  const entries = Object.entries(value)
  if (entries.length === 0) return null
  return (
    <dl className="call-values">
      {entries.map(([name, one]) => (
        <div key={name}><dt>{name.replace(/^p_/, '').replaceAll('_', ' ')}</dt><dd><bdi>{plain(one)}</bdi></dd></div>
      ))}
    </dl>
  )
}

const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/
const DAY = /^\d{4}-\d\d-\d\d$/
const NUMBER = /^\+\d{7,15}$/

/** A value as people read it: rows as name: value, moments, days and phone numbers in their form. */
function plain(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'string') return written(value)
  if (typeof value === 'number') return count(value)
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return value.map(plain).join('; ') || '–'
  return Object.entries(value).map(([name, one]) => `${name.replaceAll('_', ' ')}: ${plain(one)}`).join(', ')
}

function written(value: string): string {
  if (NUMBER.test(value)) return phone(value)
  if (DAY.test(value)) return utcDay(value, 'numeric')
  return MOMENT.test(value) && !Number.isNaN(Date.parse(value)) ? dateTime(value) : value
}
