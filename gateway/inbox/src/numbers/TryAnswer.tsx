import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { PhoneNumber } from '../data/client'
import { listPassages } from '../data/knowledge'
import type { Answer, Replay, Side } from '../data/replays'
import { count, duration } from '../format/time'
import { Passages } from '../knowledge/Passages'
import { priceOfThousand } from '../replay/price'
import { Values } from '../thread/Why'

const BUILT_IN = ['request_human', 'not_known', 'stop_messages', 'no_reply_needed'] as const

/** What came of a try, and what it was made with. */
export function TryAnswer({ replay, number, changes }: {
  replay: Replay
  number: PhoneNumber
  /** How many settings were not saved when it was asked. */
  changes: number
}) {
  const { t } = useTranslation()
  const answer = replay.answers[0]
  if (!answer) return null
  const isWithout = answer.state === 'empty' || answer.state === 'failed'

  return (
    <>
      {answer.new && (
        <div className="message outgoing ai">
          <p className="bubble" dir="auto">{answer.new.content}</p>
        </div>
      )}
      {answer.state === 'canceled' && <p className="try-note">{t('try.canceled')}</p>}
      {answer.state === 'empty' && <p className="try-note">{t('try.empty')}</p>}
      {answer.state === 'failed' && <p className="try-note">{t('try.failed', { reason: answer.error })}</p>}
      {isWithout && !number.fallback_reply && <p className="quiet-words">{t('try.standardFallback')}</p>}
      {isWithout && number.fallback_reply && (
        <>
          <p className="quiet-words">{t('try.fallback')}</p>
          <div className="message outgoing system"><p className="bubble" dir="auto">{number.fallback_reply}</p></div>
        </>
      )}
      {answer.is_over_budget && <p className="try-note">{t('try.cut')}</p>}
      <WouldCall call={answer.diverged_call} />
      {answer.new && <Figures side={answer.new} />}
      <MadeWith used={answer.used ?? []} />
      <p className="quiet-words">{changes > 0 ? t('try.unsaved', { count: changes }) : t('try.asSaved')}</p>
    </>
  )
}

function Figures({ side }: { side: Side }) {
  const { t } = useTranslation()
  const { prompt_tokens: read, completion_tokens: written, price } = side
  const facts: [string, string][] = [
    [t('details.model'), side.model ?? '–'],
    [t('details.segments'), t('composer.segments', { count: side.segments ?? 0 })],
    [t('details.tokens'), t('details.tokensValue', { read: orDash(read), written: orDash(written) })],
    [t('details.generated'), side.generation_ms === null ? '–' : duration(side.generation_ms / 1000)],
    [t('try.price'), price === null ? t('try.priceUnknown') : priceOfThousand(price)],
  ]
  return (
    <dl className="details try-figures">
      {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>)}
    </dl>
  )
}

function WouldCall({ call }: { call: Answer['diverged_call'] }) {
  const { t } = useTranslation()
  if (!call) return null
  const builtIn = BUILT_IN.find((name) => name === call.name)
  return (
    <div className="why-block">
      <p className="quiet-words">{t('try.wouldCall')}</p>
      <div className="call">
        <p className="call-name">
          <bdi>{builtIn ? t(`try.builtIn.${builtIn}`) : call.name.replaceAll('_', ' ')}</bdi>
        </p>
        <Values value={call.arguments} />
      </div>
      <p className="quiet-words">{t('try.noToolRuns')}</p>
    </div>
  )
}

function MadeWith({ used }: { used: number[] }) {
  const { t } = useTranslation()
  const { data: passages = [] } = useQuery({
    queryKey: ['passages', used],
    queryFn: () => listPassages(used),
    enabled: used.length > 0,
  })
  if (passages.length === 0) return null
  return (
    <details className="try-passages">
      <summary>{t('try.passages', { count: passages.length })}</summary>
      <Passages passages={passages} />
    </details>
  )
}

function orDash(value: number | null): string {
  return value === null ? '–' : count(value)
}
