// The messages of one conversation. Ids are in the order of the commits: asking for what comes
// after the last one seen misses nothing, whatever Realtime lost.
import { type Message, supabase } from './client'

export type Thread = { messages: Message[]; hasOlder: boolean }

const PAGE = 50
const FINAL = ['received', 'canceled', 'failed', 'undelivered', 'delivered', 'read', 'blocked']

/** One page, oldest first: the newest messages, or those before `beforeId`. */
export async function listMessages(conversationId: string, beforeId?: number): Promise<Thread> {
  let query = supabase.from('sms_messages').select().eq('conversation_id', conversationId)
  if (beforeId) query = query.lt('id', beforeId)
  const { data } = await query.order('id', { ascending: false }).limit(PAGE).throwOnError()
  return { messages: data.toReversed(), hasOlder: data.length === PAGE }
}

/** What came or changed since `messages` were asked for. */
export function listNewer(conversationId: string, messages: Message[]): Promise<Message[]> {
  return listFrom(conversationId, firstToAsk(messages))
}

async function listFrom(conversationId: string, id: number): Promise<Message[]> {
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
  return [...data, ...(await listFrom(conversationId, last.id + 1))]
}

/** What is new begins after the last message; what changed, at the first one still on its way. */
function firstToAsk(messages: Message[]): number {
  const changing = messages.slice(-PAGE).find((message) => !FINAL.includes(message.status))
  return changing?.id ?? (messages.at(-1)?.id ?? 0) + 1
}

/** All of them in order; of the same message, what `newer` says. */
export function merged(older: Message[], newer: Message[]): Message[] {
  const byId = new Map([...older, ...newer].map((message) => [message.id, message]))
  return [...byId.values()].sort((one, other) => one.id - other.id)
}

/** Asked again with the same `clientRef`, it is still one message. */
export async function sendMessage(conversationId: string, content: string, clientRef: string) {
  await supabase
    .rpc('send_sms', { p_conversation_id: conversationId, p_content: content, p_client_ref: clientRef })
    .throwOnError()
}

export async function listErrorCodes() {
  const { data } = await supabase.from('sms_error_codes').select().throwOnError()
  return data
}
