// Past replies asked for again with other settings, and what a message typed by an admin would get.
import { type Database, supabase, type Tables } from './client'

/** Settings that the model's answer depends on, of those that a number has. */
export const REPLAYED = [
  'system_prompt', 'openai_model', 'max_tokens', 'temperature', 'max_segments', 'fold_accents',
  'first_reply_notice', 'knowledge_tokens', 'tools', 'stay_silent_for', 'context_attributes',
] as const

export type Changes = Pick<
  Database['public']['Tables']['sms_configs']['Update'],
  (typeof REPLAYED)[number]
>

/** One answer; `price` is in US dollars, null where the model's is not known. */
export type Side = {
  content: string
  segments: number | null
  model: string | null
  prompt_tokens: number | null
  completion_tokens: number | null
  generation_ms: number | null
  price: number | null
  mentions_human: boolean
}

export type Mark = 'better' | 'same' | 'worse'

export type Answer = {
  place: number
  conversation_id: string | null
  question: string | null
  state: 'pending' | 'answered' | 'empty' | 'diverged' | 'failed' | 'canceled'
  error: string | null
  old: Side | null
  new: Side | null
  is_approximate: boolean | null
  is_over_budget: boolean | null
  same_language: boolean | null
  used: number[] | null
  diverged_call: { name: string; arguments: Record<string, never> } | null
  mark: Mark | null
  comment: string | null
}

export type Sums = {
  segments: number | null
  prompt_tokens: number | null
  completion_tokens: number | null
  price: number | null
  mentions_human: number
}

export type Totals = Record<
  'answers' | 'pending' | 'answered' | 'empty' | 'failed' | 'diverged' | 'approximate' | 'longer'
  | 'over_budget' | 'other_language',
  number
> & { old: Sums | null; new: Sums | null }

export type Replay = Omit<Tables<'sms_replays'>, 'claimed_at' | 'user_id' | 'changes'> & {
  changes: Changes
  is_suspended: boolean
  answers: Answer[]
  totals: Totals
}

/** Nothing is sent or stored as a message. The id for getReplay. */
export async function startPreview(number: string, changes: Changes, message: string) {
  const { data } = await supabase
    .rpc('start_sms_preview', { p_config_id: number, p_changes: changes, p_message: message })
    .throwOnError()
  return data
}

export async function getReplay(id: string): Promise<Replay> {
  const { data } = await supabase.rpc('get_sms_replay', { p_replay_id: id }).throwOnError()
  return data as unknown as Replay
}

export async function cancelReplay(id: string) {
  await supabase.rpc('cancel_sms_replay', { p_replay_id: id }).throwOnError()
}

/** Asks again for the newest AI replies of the last days. The id for getReplay. */
export async function startReplay(number: string, changes: Changes, days: number, limit: number) {
  const { data } = await supabase
    .rpc('start_sms_replay', {
      p_config_id: number,
      p_changes: changes,
      p_since: new Date(Date.now() - days * 86_400_000).toISOString(),
      p_limit: limit,
    })
    .throwOnError()
  return data
}

/** The newest ones of a number, without previews and without their answers. */
export async function listReplays(account: string, number: string) {
  const { data } = await supabase
    .from('sms_replays')
    .select('id, changes, status, created_at')
    .eq('user_id', account)
    .eq('config_id', number)
    .is('message', null)
    .order('created_at', { ascending: false })
    .limit(10)
    .throwOnError()
  return data
}

/** A member's judgement; null takes it back. */
export async function markAnswer(id: string, place: number, mark: Mark | null, comment: string | null) {
  await supabase
    .rpc('mark_sms_replay_answer', {
      p_replay_id: id,
      p_place: place,
      p_mark: mark as Mark, // null is taken too: the generated types do not know
      p_comment: comment ?? undefined,
    })
    .throwOnError()
}
