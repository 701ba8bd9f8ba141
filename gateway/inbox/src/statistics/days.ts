import type { DailyStats } from '../data/statistics'

export type Day = {
  day: string
  in: number
  ai: number
  human: number
  failed: number
  segments: number
  conversations: number
  byAi: number
  byHuman: number
  responses: number
  responseSeconds: number
}

export function perDay(rows: DailyStats[]): Day[] {
  return rows.map((row) => ({
    day: row.day,
    in: row.messages_in,
    ai: row.ai_replies,
    human: row.human_replies,
    failed: row.failed,
    segments: row.segments,
    conversations: row.conversations,
    byAi: row.answered_by_ai,
    byHuman: row.answered_by_human,
    responses: row.responses,
    responseSeconds: row.response_seconds,
  }))
}
