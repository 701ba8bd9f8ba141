import { supabase, type Tables } from './client'

export type ToolCall = Tables<'sms_tool_calls'>

/** What the model called for this reply, in order. */
export async function listToolCalls(replyId: number): Promise<ToolCall[]> {
  const { data } = await supabase
    .from('sms_tool_calls')
    .select()
    .eq('reply_id', replyId)
    .order('id')
    .throwOnError()
  return data
}
