// Dates, durations and counts as the chosen language writes them.
import i18next from 'i18next'

const DAY_MS = 86_400_000

export function time(at: string): string {
  return new Date(at).toLocaleTimeString(i18next.language, { hour: 'numeric', minute: '2-digit' })
}

export function dateTime(at: string): string {
  return new Date(at).toLocaleString(i18next.language, { dateStyle: 'medium', timeStyle: 'short' })
}

/** Today and yesterday in words, then the weekday and date, with the year when it is another. */
export function dayMark(at: string): string {
  const date = new Date(at)
  const days = daysAgo(date)
  if (days === 0) return i18next.t('thread.today')
  if (days === 1) return i18next.t('thread.yesterday')
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric'
  return date.toLocaleDateString(i18next.language, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year,
  })
}

/** In a list: the time today, the weekday this week, else the date. */
export function moment(at: string): string {
  const date = new Date(at)
  const days = daysAgo(date)
  if (days <= 0) return time(at)
  if (days < 7) return date.toLocaleDateString(i18next.language, { weekday: 'short' })
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : '2-digit'
  return date.toLocaleDateString(i18next.language, { day: 'numeric', month: 'short', year })
}

/** A UTC day, such as 2026-11-25. */
export function utcDay(day: string): string {
  return new Date(day).toLocaleDateString(i18next.language, {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  })
}

/** In the largest unit that fits: 41 ms, 40 s, 12 min, 3 h, 2 days. */
export function duration(seconds: number): string {
  const steps: [number, string][] = [
    [1, 'millisecond'],
    [60, 'second'],
    [3600, 'minute'],
    [86_400, 'hour'],
    [Infinity, 'day'],
  ]
  const place = steps.findIndex(([limit]) => seconds < limit)
  const size = place > 0 ? (steps[place - 1]?.[0] ?? 1) : 0.001
  const value = seconds / size
  return value.toLocaleString(i18next.language, {
    style: 'unit',
    unit: steps[place]?.[1] ?? 'second',
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 && place > 0 && place < 4 ? 1 : 0,
  })
}

/** Whole units, for a wait that is shown beside a name. */
export function waited(since: string): string {
  return duration(Math.max(60, Math.floor((Date.now() - Date.parse(since)) / 60_000) * 60)).replace(/[.,]\d+/, '')
}

export function count(value: number): string {
  return value.toLocaleString(i18next.language)
}

export function percent(part: number): string {
  return part.toLocaleString(i18next.language, { style: 'percent', maximumFractionDigits: 0 })
}

/** Prices of single messages are fractions of a cent. */
export function money(amount: number, currency: string): string {
  const digits = amount !== 0 && Math.abs(amount) < 1 ? 4 : 2
  return amount.toLocaleString(i18next.language, {
    style: 'currency',
    currency,
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  })
}

export function sameDay(one: string, other: string): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString()
}

function daysAgo(date: Date): number {
  const midnight = (day: Date) => new Date(day).setHours(0, 0, 0, 0)
  return Math.round((midnight(new Date()) - midnight(date)) / DAY_MS)
}
