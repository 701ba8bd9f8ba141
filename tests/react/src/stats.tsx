import { useState } from 'react'
import { getMetrics, listDailyStats } from './api'
import { useRefresh } from './hooks'

const DAYS = 30
const DAY_MS = 86_400_000

const SERIES = {
  messages_in: 'From contacts',
  ai_replies: 'AI replies',
  human_replies: 'Replies of people',
  failed: 'Failed',
}
type Count = keyof typeof SERIES
const names = Object.keys(SERIES) as Count[]
type Counts = Record<Count, number>
type Day = Counts & { day: string }

export function Stats({ turn }: { turn: number }) {
  const [days, setDays] = useState<Day[]>()
  const [metrics, setMetrics] = useState<Awaited<ReturnType<typeof getMetrics>>>()
  const problem = useRefresh(async () => {
    const [counted, measured] = await Promise.all([lastDays(), getMetrics(DAYS)])
    setDays(counted)
    setMetrics(measured)
  }, [turn])

  return (
    <section className="stats">
      <header>
        <a className="back" href="#" aria-label="Back to the conversations">‹</a>
        <h2>Last {DAYS} days</h2>
      </header>
      {problem && <p role="alert" className="problem">{problem}</p>}
      {metrics && (
        <dl>
          <Fact name="Contacts" value={metrics.active_users.toLocaleString()} />
          <Fact name="Answered after" value={duration(metrics.avg_response_time_minutes)} />
          <Fact name="No person needed" value={share(metrics.share_resolved_without_human)} />
        </dl>
      )}
      {days && <Chart days={days} />}
    </section>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

/** Two bars a day: what came in, and the answers. Without a unit of its own it fits any width. */
function Chart({ days }: { days: Day[] }) {
  const top = Math.max(4, ...days.flatMap((day) => [day.messages_in, day.ai_replies + day.human_replies]))
  const [first, last] = [days[0], days.at(-1)]

  return (
    <figure>
      <p className="axis">{top.toLocaleString()}</p>
      <svg viewBox={`0 0 ${DAYS} ${top}`} preserveAspectRatio="none" role="img" aria-label="Texts by day">
        {days.map((day, place) => (
          <g key={day.day}>
            <title>{`${dayName(day.day)}: ${words(day)}`}</title>
            <rect className="hover" x={place} width={1} height={top} />
            <Bar of="messages_in" x={place + 0.1} base={top} height={day.messages_in} />
            <Bar of="ai_replies" x={place + 0.5} base={top} height={day.ai_replies} />
            <Bar of="human_replies" x={place + 0.5} base={top - day.ai_replies} height={day.human_replies} />
          </g>
        ))}
      </svg>
      <p className="axis">
        <span>{first && dayName(first.day)}</span>
        <span>{last && dayName(last.day)}</span>
      </p>
      <figcaption>
        {names.map((name) => (
          <span key={name} className={name}>
            {SERIES[name]} <b>{total(days, name).toLocaleString()}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function Bar({ of, x, base, height }: { of: Count; x: number; base: number; height: number }) {
  return <rect className={of} x={x} y={base - height} width={0.38} height={height} />
}

/** One row for each of the last days, UTC, oldest first. */
async function lastDays(): Promise<Day[]> {
  const today = Date.now()
  const days = Array.from({ length: DAYS }, (_, place): Day => ({
    day: new Date(today - (DAYS - 1 - place) * DAY_MS).toISOString().slice(0, 10),
    messages_in: 0,
    ai_replies: 0,
    human_replies: 0,
    failed: 0,
  }))
  for (const row of await listDailyStats(days[0]?.day ?? '')) {
    const day = days.find((one) => one.day === row.day)
    if (day) for (const name of names) day[name] += row[name]
  }
  return days
}

function total(days: Counts[], name: Count): number {
  return days.reduce((sum, day) => sum + day[name], 0)
}

function words(day: Counts): string {
  return names.map((name) => `${SERIES[name]} ${day[name]}`).join(', ')
}

function dayName(day: string): string {
  return new Date(day).toLocaleDateString([], { day: 'numeric', month: 'short', timeZone: 'UTC' })
}

function duration(minutes: number | null): string {
  if (minutes === null) return '–'
  const [value, unit] = minutes < 1 ? [minutes * 60, 'second'] : [minutes, 'minute']
  return value.toLocaleString([], { style: 'unit', unit, unitDisplay: 'short', maximumSignificantDigits: 2 })
}

function share(part: number | null): string {
  return part === null ? '–' : part.toLocaleString([], { style: 'percent' })
}
