// The list of conversations: newest first, page by page by key, never by offset.
import { type Conversation, supabase } from './client'

export type View = 'all' | 'mine' | 'unassigned' | 'human' | 'unread' | 'failed' | 'closed'
export type Filter = { account: string; view: View; number: string; me: string }
export type Page = { rows: Conversation[]; hasMore: boolean }

export const PAGE = 50
/** If more pages than this changed, the list starts again at its top. */
const MOST_PAGES = 5

function matching({ account, view, number, me }: Filter) {
  let query = supabase.from('sms_inbox').select().eq('user_id', account)
  if (number) query = query.eq('config_id', number)
  if (view === 'mine') query = query.eq('assigned_to', me)
  if (view === 'unassigned') query = query.is('assigned_to', null).eq('status', 'active')
  if (view === 'human') query = query.eq('wants_human', true)
  if (view === 'unread') query = query.gt('unread_count', 0)
  if (view === 'failed') query = query.in('message_status', ['failed', 'undelivered', 'blocked'])
  return view === 'closed' ? query.eq('status', 'closed') : query
}

export async function listConversations(filter: Filter, after?: Conversation): Promise<Page> {
  let query = matching(filter)
  if (after) {
    const at = after.last_message_at
    query = query
      .lte('last_message_at', at)
      .or(`last_message_at.lt."${at}",id.gt.${after.id}`)
  }
  const { data } = await query
    .order('last_message_at', { ascending: false })
    .order('id')
    .limit(PAGE)
    .throwOnError()
  return { rows: data, hasMore: data.length === PAGE }
}

/** What changed since the newest of `known` stands at the top: so many pages of it. */
export async function listChanged(filter: Filter, known: Page): Promise<Page> {
  const newest = known.rows[0]
  let top = await listConversations(filter)
  for (let page = 1; newest && top.hasMore && page < MOST_PAGES; page += 1) {
    const last = top.rows.at(-1)
    if (!last || last.last_message_at <= newest.last_message_at) break
    const next = await listConversations(filter, last)
    top = { rows: [...top.rows, ...next.rows], hasMore: next.hasMore }
  }
  return top
}

/** `known` with its top as it is now. What is older stays, unless pages between would be missing. */
export function withTop(known: Page, top: Page): Page {
  const last = top.rows.at(-1)
  const newest = known.rows[0]
  if (!last || !top.hasMore || (newest && inOrder(last, newest) < 0)) return top
  const older = known.rows.filter((row) => inOrder(last, row) < 0)
  return { rows: distinct([...top.rows, ...older]), hasMore: older.length ? known.hasMore : true }
}

/** Those of these conversations that the filter lets through. */
export async function listSome(filter: Filter, ids: string[]): Promise<Conversation[]> {
  const { data } = await matching(filter).in('id', ids).throwOnError()
  return data
}

/** `known` after these conversations became `found`. */
export function withSome(known: Page, ids: string[], found: Conversation[]): Page {
  const end = known.hasMore ? known.rows.at(-1) : undefined
  const inside = end ? found.filter((row) => inOrder(row, end) <= 0) : found
  const others = known.rows.filter((row) => !ids.includes(row.id))
  return { rows: [...others, ...inside].sort(inOrder), hasMore: known.hasMore }
}

export function distinct(rows: Conversation[]): Conversation[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()]
}

/** As the Data API orders them. */
export function inOrder(one: Conversation, other: Conversation): number {
  if (one.last_message_at !== other.last_message_at) {
    return one.last_message_at < other.last_message_at ? 1 : -1
  }
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0
}

export async function getConversation(id: string) {
  const { data } = await supabase.from('sms_inbox').select().eq('id', id).maybeSingle().throwOnError()
  return data
}

/** What the worker is about to do in it. */
export async function getPendingReply(id: string) {
  const { data } = await supabase
    .from('sms_conversations')
    .select('reply_due_at, leased_for, reply_error, last_incoming_id')
    .eq('id', id)
    .maybeSingle()
    .throwOnError()
  return data
}

export async function listOfContact(account: string, contact: string) {
  const { data } = await supabase
    .from('sms_inbox')
    .select()
    .eq('user_id', account)
    .eq('contact_number', contact)
    .order('last_message_at', { ascending: false })
    .limit(20)
    .throwOnError()
  return data
}

export async function search(query: string) {
  const { data } = await supabase
    .rpc('search_sms', { p_query: query, p_limit: 50 })
    .select('id, conversation_id, direction, message_content, occurred_at, sms_conversations(contact_number)')
    .throwOnError()
  return data
}
export type Found = Awaited<ReturnType<typeof search>>[number]

export async function pauseAi(id: string) {
  await supabase.from('sms_conversations').update({ auto_reply: false }).eq('id', id).throwOnError()
}

export async function resumeAi(id: string) {
  await supabase
    .from('sms_conversations')
    .update({ auto_reply: true, paused_until: null })
    .eq('id', id)
    .throwOnError()
}

/** As it was before `resumeAi` or `pauseAi`. */
export async function setAi(id: string, { auto_reply, paused_until }: Conversation) {
  await supabase
    .from('sms_conversations')
    .update({ auto_reply, paused_until })
    .eq('id', id)
    .throwOnError()
}

export async function setNeedsHuman(id: string, needs: boolean) {
  await supabase.from('sms_conversations').update({ wants_human: needs }).eq('id', id).throwOnError()
}

export async function closeConversation(id: string) {
  await supabase.rpc('close_sms_conversation', { p_conversation_id: id }).throwOnError()
}

export async function markRead(id: string, upToId: number) {
  await supabase.rpc('mark_sms_read', { p_conversation_id: id, p_up_to_id: upToId }).throwOnError()
}

export function isPaused({ status, auto_reply, paused_until }: Conversation): boolean {
  if (status === 'closed') return false
  return !auto_reply || (paused_until !== null && new Date(paused_until) > new Date())
}
