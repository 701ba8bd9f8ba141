// Who is told of what happens: addresses of other systems and numbers of the staff.
import { supabase, type Tables } from './client'

export type Target = Tables<'sms_event_targets'>

/** In the order in which people look for them. */
export const EVENT_TYPES = [
  'human.requested',
  'message.received',
  'reply.sent',
  'reply.failed',
  'conversation.opened',
  'conversation.closed',
  'contact.opted_out',
  'contact.opted_in',
  'question.unanswered',
  'tool.failed',
  'number.suspended',
  'number.resumed',
] as const

export async function listTargets(account: string): Promise<Target[]> {
  const { data } = await supabase
    .from('sms_event_targets')
    .select()
    .eq('user_id', account)
    .order('created_at')
    .throwOnError()
  return data
}

export type NewTarget = { kind: string; address: string; types: string[]; number: string; withContent: boolean }

/** Returns the secret that signs what is posted; it is shown this once. */
export async function addTarget(account: string, target: NewTarget): Promise<string | undefined> {
  const { data } = await supabase
    .rpc('create_sms_event_target', {
      p_kind: target.kind,
      p_address: target.address,
      p_event_types: target.types,
      p_config_id: target.kind === 'sms' ? target.number : undefined,
      p_with_content: target.withContent,
      p_user_id: account,
    })
    .throwOnError()
  return (data as { secret?: string } | null)?.secret
}

export async function changeTarget(
  id: string,
  change: Partial<Pick<Target, 'event_types' | 'with_content' | 'is_enabled'>>,
) {
  await supabase.from('sms_event_targets').update(change).eq('id', id).throwOnError()
}

export async function removeTarget(id: string) {
  await supabase.from('sms_event_targets').delete().eq('id', id).throwOnError()
}

export async function testTarget(id: string) {
  await supabase.rpc('test_sms_event_target', { p_target_id: id }).throwOnError()
}

/** The newest of a target, with what they tell of. */
export async function listDeliveries(target: string) {
  const { data } = await supabase
    .from('sms_event_deliveries')
    .select('id, status, attempts, response_status, error, created_at, sms_events(type, conversation_id)')
    .eq('target_id', target)
    .order('id', { ascending: false })
    .limit(20)
    .throwOnError()
  return data
}
export type Delivery = Awaited<ReturnType<typeof listDeliveries>>[number]

export async function replayDelivery(id: number) {
  await supabase.rpc('replay_sms_event_delivery', { p_delivery_id: id }).throwOnError()
}
