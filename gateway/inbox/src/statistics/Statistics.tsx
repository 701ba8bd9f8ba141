import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { listDailyStats, listFailures } from '../data/statistics'
import { useNumbers } from '../data/queries'
import { sentence } from '../errors'
import { usePhone } from '../format/phone'
import { count, duration, percent } from '../format/time'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { Chart } from './Chart'
import { download, toCsv } from './csv'
import { type Day, perDay } from './days'
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
    queryKey: ['daily', account, days, number],
    queryFn: () => listDailyStats(account, days, number),
  })
  const failures = useQuery({
    queryKey: ['failures', account, since],
    queryFn: () => listFailures(account, since),
  })
  const shown = perDay(daily.data ?? [])
  const problem = daily.error ?? failures.error

  return (
    <main className="page">
      <header className="page-head">
        <h1>{t('statistics.title')}</h1>
        <Choices days={days} onDays={setDays} number={number} onNumber={setNumber} />
      </header>
      {problem && <p role="alert" className="problem">{sentence(problem)}</p>}
      {daily.data && shown.length === 0 && (
        <Empty icon="chart" title={t('statistics.empty')}><p>{t('statistics.emptyLead')}</p></Empty>
      )}
      {shown.length > 0 && (
        <>
          <dl className="figures">
            <Figure name={t('statistics.conversations')} value={count(sum(shown, 'conversations'))} />
            <Figure name={t('statistics.in')} value={count(sum(shown, 'in'))} />
            <Figure name={t('statistics.withoutHuman')} value={orDash(share(shown), percent)} />
            <Figure name={t('statistics.answeredAfter')} value={orDash(replyTime(shown), duration)} />
            <Figure name={t('statistics.failed')} value={count(sum(shown, 'failed'))} />
            <Figure name={t('statistics.segments')} value={count(sum(shown, 'segments'))} />
          </dl>
          <Chart title={t('statistics.messages')} days={shown} series={['in', 'ai', 'human']} />
          <Chart title={t('statistics.segmentsByDay')} days={shown} series={['segments']} />
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

function Figure({ name, value }: { name: string; value: string }) {
  return <div className="figure"><dt>{name}</dt><dd>{value}</dd></div>
}

function sum(days: Day[], name: Exclude<keyof Day, 'day'>): number {
  return days.reduce((all, day) => all + day[name], 0)
}

/** Of the conversations that ended answered in these days; undefined when none did. */
function share(days: Day[]): number | undefined {
  const answered = sum(days, 'byAi') + sum(days, 'byHuman')
  return answered ? sum(days, 'byAi') / answered : undefined
}

function replyTime(days: Day[]): number | undefined {
  const responses = sum(days, 'responses')
  return responses ? sum(days, 'responseSeconds') / responses : undefined
}

function orDash(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '–' : format(value)
}

function save(days: Day[], t: ReturnType<typeof useTranslation>['t']) {
  const names = ['in', 'ai', 'human', 'failed', 'segments'] as const
  const head = [t('statistics.day'), ...names.map((name) => t(`statistics.${name}`))]
  download('statistics.csv', toCsv([head, ...days.map((day) => [day.day, ...names.map((name) => day[name])])]))
}
