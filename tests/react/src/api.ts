// All that this page asks of the Supabase project, as its signed-in user: row level security
// decides what comes back. Set VITE_SUPABASE_URL and VITE_SUPABASE_PUBLISHABLE_KEY.
import { createClient, type PostgrestError } from '@supabase/supabase-js'
import type { Database, Tables } from '../../../supabase/types/database'

export const supabase = createClient<Database>(
  import.meta.env.VITE_SUPABASE_URL,
  import.meta.env.VITE_SUPABASE_PUBLISHABLE_KEY,
)

export type Conversation = Tables<'sms_inbox'>
export type Message = Tables<'sms_messages'>
export type ErrorCode = Tables<'sms_error_codes'>

const PAGE = 50

export async function listConversations(limit: number) {
  const { data } = await supabase
    .from('sms_inbox')
    .select()
    .order('last_message_at', { ascending: false })
    .limit(limit)
    .throwOnError()
  return data
}

export async function findMessages(query: string) {
  const { data } = await supabase
    .rpc('search_sms', { p_query: query })
    .select('id, conversation_id, message_content, occurred_at, sms_conversations(contact_number)')
    .throwOnError()
  return data
}

export async function getConversation(id: string) {
  const { data } = await supabase.from('sms_inbox').select().eq('id', id).maybeSingle().throwOnError()
  return data
}

/** One page, oldest first: the newest messages, or those before `beforeId`. */
export async function listMessages(conversationId: string, beforeId?: number) {
  const { data } = await supabase
    .rpc('get_sms_conversation_history', {
      p_conversation_id: conversationId,
      p_before_id: beforeId,
      p_limit: PAGE,
    })
    .throwOnError()
  return { messages: data.toReversed(), hasOlder: data.length === PAGE }
}

/** Catches up: every message from `id` on, oldest first. Ids are in the order of the commits. */
export async function listMessagesFrom(conversationId: string, id: number): Promise<Message[]> {
  const { data } = await supabase
    .from('sms_messages')
    .select()
    .eq('conversation_id', conversationId)
    .gte('id', id)
    .order('id')
    .limit(PAGE)
    .throwOnError()
  const last = data.at(-1)
  if (!last || data.length < PAGE) return data
  return [...data, ...(await listMessagesFrom(conversationId, last.id + 1))]
}

/** Asked again with the same `clientRef`, it is still one text. */
export async function sendMessage(conversationId: string, content: string, clientRef: string) {
  await supabase
    .rpc('send_sms', { p_conversation_id: conversationId, p_content: content, p_client_ref: clientRef })
    .throwOnError()
}

export async function pauseAi(conversationId: string) {
  await change(conversationId, { auto_reply: false })
}

export async function resumeAi(conversationId: string) {
  await change(conversationId, { auto_reply: true, paused_until: null })
}

async function change(
  conversationId: string,
  columns: Pick<Database['public']['Tables']['sms_conversations']['Update'], 'auto_reply' | 'paused_until'>,
) {
  await supabase.from('sms_conversations').update(columns).eq('id', conversationId).throwOnError()
}

export async function closeConversation(conversationId: string) {
  await supabase.rpc('close_sms_conversation', { p_conversation_id: conversationId }).throwOnError()
}

export async function markRead(conversationId: string, upToId: number) {
  await supabase
    .rpc('mark_sms_read', { p_conversation_id: conversationId, p_up_to_id: upToId })
    .throwOnError()
}

export async function listErrorCodes() {
  const { data } = await supabase.from('sms_error_codes').select().throwOnError()
  return data
}

/** Counters since a UTC day; a day has one row or several per number. */
export async function listDailyStats(since: string) {
  const { data } = await supabase
    .from('sms_daily_stats')
    .select('day, messages_in, ai_replies, human_replies, failed')
    .gte('day', since)
    .order('day', { ascending: false })
    .throwOnError()
  return data
}

export async function getMetrics(days: number) {
  const { data } = await supabase
    .rpc('get_sms_engagement_metrics', { p_days: days })
    .single()
    .throwOnError()
  return data
}

/** An error of the functions above, for people. PT404 to PT429 come with words of their own. */
export function sentence(error: unknown): string {
  const { code, message, hint } = error as Partial<PostgrestError>
  if (code?.startsWith('PT')) return [message, hint].filter(Boolean).join('. ')
  return code ? 'That did not work. Please try again.' : 'No connection. Please try again.'
}
