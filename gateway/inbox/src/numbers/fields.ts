// The settings of a number: which control shows each, in which unit. Words: numbers.field in the
// language files; the limits are the database's, whose sentence is shown when one is passed.
import type { Database } from '../data/client'
import type { PhoneNumber } from '../data/client'

export type Change = Database['public']['Tables']['sms_configs']['Update']
export type Unit = 'second' | 'minute' | 'hour' | 'day'

type Kind =
  | { kind: 'text' | 'lines' | 'switch' | 'clock' | 'zone' | 'names' }
  | { kind: 'choices'; options: readonly ('automatic_message' | 'reaction' | 'goodbye')[] }
  | { kind: 'count'; min: number; max: number; step?: number }
  | { kind: 'duration'; unit: Unit; max: number }

export type Field = Kind & { name: keyof Change & keyof PhoneNumber; isOptional?: boolean }

export const GROUPS: { name: 'assistant' | 'timing' | 'limits' | 'replies'; fields: Field[] }[] = [
  {
    name: 'assistant',
    fields: [
      { name: 'auto_reply', kind: 'switch' },
      { name: 'system_prompt', kind: 'lines' },
      { name: 'openai_model', kind: 'text' },
      { name: 'temperature', kind: 'count', min: 0, max: 2, step: 0.05, isOptional: true },
      { name: 'max_tokens', kind: 'count', min: 16, max: 4096 },
      { name: 'max_segments', kind: 'count', min: 1, max: 10 },
      { name: 'fold_accents', kind: 'switch' },
      { name: 'history_limit', kind: 'count', min: 1, max: 100 },
      { name: 'history_across', kind: 'switch' },
      { name: 'context_attributes', kind: 'names' },
      { name: 'knowledge_tokens', kind: 'count', min: 0, max: 32_000 },
      { name: 'tools', kind: 'names', isOptional: true },
      {
        name: 'stay_silent_for',
        kind: 'choices',
        options: ['automatic_message', 'reaction', 'goodbye'],
      },
      { name: 'answer_groups', kind: 'switch' },
    ],
  },
  {
    name: 'timing',
    fields: [
      { name: 'reply_delay', kind: 'duration', unit: 'second', max: 60 },
      { name: 'takeover_pause', kind: 'duration', unit: 'hour', max: 720 },
      { name: 'answer_within', kind: 'duration', unit: 'hour', max: 168 },
      { name: 'close_after', kind: 'duration', unit: 'day', max: 365, isOptional: true },
      { name: 'quiet_from', kind: 'clock', isOptional: true },
      { name: 'quiet_until', kind: 'clock', isOptional: true },
      { name: 'time_zone', kind: 'zone' },
    ],
  },
  {
    name: 'limits',
    fields: [
      { name: 'replies_per_hour', kind: 'count', min: 0, max: 1000 },
      { name: 'replies_per_day', kind: 'count', min: 0, max: 1000 },
      { name: 'number_replies_per_day', kind: 'count', min: 0, max: 1_000_000 },
    ],
  },
  {
    name: 'replies',
    fields: [
      { name: 'first_reply_notice', kind: 'lines', isOptional: true },
      { name: 'fallback_reply', kind: 'lines', isOptional: true },
      { name: 'handoff_reply', kind: 'lines', isOptional: true },
      { name: 'bot_reply', kind: 'lines', isOptional: true },
      { name: 'rate_limit_reply', kind: 'lines', isOptional: true },
      { name: 'own_opt_out', kind: 'switch' },
      { name: 'opt_out_reply', kind: 'lines', isOptional: true },
      { name: 'help_reply', kind: 'lines', isOptional: true },
    ],
  },
]

const SECONDS: Record<Unit, number> = { second: 1, minute: 60, hour: 3600, day: 86_400 }

/** What a control shows of a value; '' for none. */
export function shown(field: Field, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (field.kind === 'duration') return String(+(seconds(String(value)) / SECONDS[field.unit]).toFixed(3))
  if (field.kind === 'names' || field.kind === 'choices') return (value as string[]).join(', ')
  if (field.kind === 'clock') return String(value).slice(0, 5)
  return String(value)
}

/** The value that a control's text stands for. */
export function stored(field: Field, text: string): string | number | boolean | string[] | null {
  if (field.kind === 'names' || field.kind === 'choices') {
    const names = text.split(',').map((one) => one.trim()).filter(Boolean)
    return field.isOptional && names.length === 0 ? null : names
  }
  if (field.kind === 'switch') return text === 'true'
  if (text.trim() === '') return field.isOptional ? null : field.kind === 'count' ? 0 : text
  if (field.kind === 'count') return Number(text)
  if (field.kind === 'duration') return `${Number(text) * SECONDS[field.unit]} seconds`
  return text
}

/** Of an interval as Postgres writes it: 3 days, 12:00:00, 1 day 02:00:00, 1 mon. */
export function seconds(interval: string): number {
  const units: Record<string, number> = { year: 31_557_600, mon: 2_592_000, day: 86_400 }
  const whole = [...interval.matchAll(/(-?\d+) (year|mon|day)s?/g)]
    .reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0)
  const clock = /(\d+):(\d\d):(\d\d(?:\.\d+)?)/.exec(interval)
  if (!clock) return whole
  return whole + Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3])
}
