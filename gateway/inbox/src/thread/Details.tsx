import { useTranslation } from 'react-i18next'
import type { Message } from '../data/client'
import { count, dateTime, duration, money } from '../format/time'

const CANNED = ['stop', 'start', 'help', 'human', 'bot', 'rate_limit', 'keyword'] as const

/** What is known of one message, for who asks. */
export function Details({ message }: { message: Message }) {
  const { t } = useTranslation()
  const { author, price, price_unit: currency, segments, encoding } = message
  const facts: [string, string | undefined][] = [
    [t('details.time'), dateTime(message.occurred_at)],
    [t('details.kind'), author === 'system' ? kind(t, message) : undefined],
    [t('details.delivered'), message.delivered_at ? dateTime(message.delivered_at) : undefined],
    [t('details.segments'), segments && encoding ? t('details.segmentsValue', { count: segments, encoding }) : undefined],
    [t('details.price'), price === null || !currency ? later(t, message) : money(-price, currency)],
    [t('details.model'), message.model ?? undefined],
    [t('details.version'), message.config_version === null ? undefined : count(message.config_version)],
    [t('details.tokens'), message.prompt_tokens === null ? undefined : t('details.tokensValue', {
      read: count(message.prompt_tokens),
      written: count(message.completion_tokens ?? 0),
    })],
    [t('details.generated'), message.generation_ms === null ? undefined : duration(message.generation_ms / 1000)],
    [t('details.answeredAfter'), message.response_seconds === null ? undefined : duration(message.response_seconds)],
  ]
  return (
    <dl className="details">
      {facts.map(([name, value]) => value && (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  )
}

type Translate = ReturnType<typeof useTranslation>['t']

function kind(t: Translate, { canned_reply: name }: Message): string {
  const known = CANNED.find((one) => one === name)
  return t(known ? `canned.${known}` : 'canned.fallback')
}

function later(t: Translate, { direction, message_sid: sid }: Message): string | undefined {
  return direction === 'outgoing' && sid ? t('details.priceLater') : undefined
}
