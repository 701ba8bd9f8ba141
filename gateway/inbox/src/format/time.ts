// Dates, durations and counts as the chosen language writes them in the reader's region.
import i18next from 'i18next'
import { locale } from '../words'

const DAY_MS = 86_400_000

export function time(at: string): string {
  return new Date(at).toLocaleTimeString(locale(), { hour: 'numeric', minute: '2-digit' })
}

export function dateTime(at: string): string {
  return new Date(at).toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'short' })
}

/** Today and yesterday in words, then the weekday and date, with the year when it is another. */
export function dayMark(at: string): string {
  const date = new Date(at)
  const days = daysAgo(date)
  if (days === 0) return i18next.t('thread.today')
  if (days === 1) return i18next.t('thread.yesterday')
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric'
  return date.toLocaleDateString(locale(), {
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
  if (days < 7) return date.toLocaleDateString(locale(), { weekday: 'short' })
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : '2-digit'
  return date.toLocaleDateString(locale(), { day: 'numeric', month: 'short', year })
}

/** A UTC day, such as 2026-11-25. */
export function utcDay(day: string, year?: 'numeric'): string {
  return new Date(day).toLocaleDateString(locale(), {
    year,
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
  return value.toLocaleString(locale(), {
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
  return value.toLocaleString(locale())
}

export function percent(part: number): string {
  return part.toLocaleString(locale(), { style: 'percent', maximumFractionDigits: 0 })
}

/** Prices of single messages, and of some messages, are fractions of a cent. */
export function money(amount: number, currency: string, digits = Math.abs(amount) < 1 ? 4 : 2): string {
  return amount.toLocaleString(locale(), {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
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
