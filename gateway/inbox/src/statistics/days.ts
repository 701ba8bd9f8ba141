import type { DailyStats } from '../data/statistics'

export type Day = {
  day: string
  in: number
  ai: number
  human: number
  failed: number
  segments: number
  conversations: number
  withHuman: number
  responses: number
  responseSeconds: number
}

/** One row per day that has any, oldest first: the table has one or more per number. */
export function perDay(rows: DailyStats[]): Day[] {
  const days = new Map<string, Day>()
  for (const row of rows) {
    const day = days.get(row.day) ?? none(row.day)
    day.in += row.messages_in
    day.ai += row.ai_replies
    day.human += row.human_replies
    day.failed += row.failed
    day.segments += row.segments
    day.conversations += row.conversations
    day.withHuman += row.with_human
    day.responses += row.responses
    day.responseSeconds += row.response_seconds
    days.set(row.day, day)
  }
  return [...days.values()].sort((one, other) => (one.day < other.day ? -1 : 1))
}

function none(day: string): Day {
  const zero = { in: 0, ai: 0, human: 0, failed: 0, segments: 0 }
  return { day, ...zero, conversations: 0, withHuman: 0, responses: 0, responseSeconds: 0 }
}
