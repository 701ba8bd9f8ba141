import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { type Day, getMetrics, listDaily, listFailures } from '../data/statistics'
import { useNumbers } from '../data/queries'
import { sentence } from '../errors'
import { usePhone } from '../format/phone'
import { count, duration, money, percent } from '../format/time'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { Chart } from './Chart'
import { download, toCsv } from './csv'
import { Reasons } from './Reasons'

const RANGES = [7, 30, 90]
const DAY_MS = 86_400_000

export default function Statistics() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const [days, setDays] = useState(30)
  const [number, setNumber] = useState('')
  const since = new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10)
  const daily = useQuery({
    queryKey: ['daily', account, number, days],
    queryFn: () => listDaily(account, number, days),
  })
  const metrics = useQuery({
    queryKey: ['metrics', account, number, days],
    queryFn: () => getMetrics(account, number, days),
  })
  const failures = useQuery({
    queryKey: ['failures', account, since],
    queryFn: () => listFailures(account, since),
  })
  const shown = daily.data ?? []
  const measured = metrics.data
  const currency = shown.find((day) => day.currency)?.currency
  const problem = daily.error ?? metrics.error ?? failures.error
  // Drawn once, with all of it: what comes later would move what is read already.
  const isReady = ![daily, metrics, failures].some((one) => one.isPending)

  return (
    <main className="page">
      <header className="page-head">
        <h1>{t('statistics.title')}</h1>
        <Choices days={days} onDays={setDays} number={number} onNumber={setNumber} />
      </header>
      {problem && <p role="alert" className="problem">{sentence(problem)}</p>}
      {!isReady && !problem && <p className="waiting" role="status">{t('app.loading')}</p>}
      {isReady && daily.data && shown.length === 0 && (
        <Empty icon="chart" title={t('statistics.empty')}><p>{t('statistics.emptyLead')}</p></Empty>
      )}
      {isReady && shown.length > 0 && (
        <>
          <dl className="figures">
            <Figure name={t('statistics.conversations')} value={count(sum(shown, 'conversations'))} />
            <Figure name={t('statistics.messages_in')} value={count(sum(shown, 'messages_in'))} />
            <Figure
              name={t('statistics.withoutHuman')}
              value={orDash(measured?.share_answered_without_human, percent)}
            />
            <Figure
              name={t('statistics.firstReply')}
              value={orDash(measured?.first_reply_seconds_p50, duration)}
              more={measured?.first_reply_seconds_p95
                ? t('statistics.slowest', { time: duration(measured.first_reply_seconds_p95) })
                : undefined}
            />
            <Figure name={t('statistics.failed')} value={count(sum(shown, 'failed'))} />
            <Figure name={t('statistics.segments')} value={count(sum(shown, 'segments'))} />
            {currency && (
              <Figure name={t('statistics.cost')} value={money(sum(shown, 'cost'), currency)} />
            )}
          </dl>
          <Chart
            title={t('statistics.messages')}
            days={shown}
            series={['messages_in', 'ai_replies', 'human_replies']}
          />
          <Chart title={t('statistics.segmentsByDay')} days={shown} series={['segments']} />
          {currency && (
            <Chart title={t('statistics.costByDay')} days={shown} series={['cost']} currency={currency} />
          )}
          <Reasons failures={failures.data ?? []} />
          <footer className="page-foot">
            <button className="quiet" onClick={() => save(shown, t)}>
              <Icon name="download" size={18} />{t('statistics.export')}
            </button>
            <span className="quiet-words">{t('statistics.utc')}</span>
          </footer>
        </>
      )}
    </main>
  )
}

function Choices({ days, onDays, number, onNumber }: {
  days: number
  onDays: (days: number) => void
  number: string
  onNumber: (id: string) => void
}) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: numbers = [] } = useNumbers(account)
  const phone = usePhone()
  return (
    <div className="filters">
      <select
        className="select"
        aria-label={t('statistics.range')}
        value={days}
        onChange={(event) => onDays(Number(event.target.value))}
      >
        {RANGES.map((range) => <option key={range} value={range}>{t('statistics.days', { count: range })}</option>)}
      </select>
      {numbers.length > 1 && (
        <select
          className="select"
          aria-label={t('list.number')}
          value={number}
          onChange={(event) => onNumber(event.target.value)}
        >
          <option value="">{t('list.allNumbers')}</option>
          {numbers.map(({ id, phone_number }) => <option key={id} value={id}>{phone(phone_number)}</option>)}
        </select>
      )}
    </div>
  )
}

function Figure({ name, value, more }: { name: string; value: string; more?: string }) {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>{value}{more && <span className="quiet-words">{more}</span>}</dd>
    </div>
  )
}

type Counted = { [Name in keyof Day]: Day[Name] extends number ? Name : never }[keyof Day]

function sum(days: Day[], name: Counted): number {
  return days.reduce((all, day) => all + day[name], 0)
}

function orDash(value: number | null | undefined, format: (value: number) => string): string {
  return value === undefined || value === null ? '–' : format(value)
}

function save(days: Day[], t: ReturnType<typeof useTranslation>['t']) {
  const names = ['messages_in', 'ai_replies', 'human_replies', 'failed', 'segments', 'cost', 'currency'] as const
  const head = [t('statistics.day'), ...names.map((name) => t(`statistics.${name}`))]
  const rows = days.map((day) => [day.day, ...names.map((name) => day[name] ?? '')])
  download('statistics.csv', toCsv([head, ...rows]))
}
