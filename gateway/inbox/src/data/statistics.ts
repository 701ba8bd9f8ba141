import { supabase } from './client'

/** The last UTC days that have anything, oldest first. */
export async function listDaily(account: string, number: string, days: number) {
  const { data } = await supabase
    .rpc('get_sms_daily', { p_user_id: account, p_config_id: number || undefined, p_days: days })
    .throwOnError()
  return data
}
export type Day = Awaited<ReturnType<typeof listDaily>>[number]

export async function getMetrics(account: string, number: string, days: number) {
  const { data } = await supabase
    .rpc('get_sms_engagement_metrics', {
      p_user_id: account,
      p_config_id: number || undefined,
      p_days: days,
    })
    .single()
    .throwOnError()
  return data
}

/** The newest outgoing messages that failed, for the table of reasons. */
export async function listFailures(account: string, since: string) {
  const { data } = await supabase
    .from('sms_messages')
    .select('error_code, error_message, status')
    .eq('user_id', account)
    .in('status', ['failed', 'undelivered', 'blocked'])
    .gte('created_at', since)
    .order('id', { ascending: false })
    .limit(1000)
    .throwOnError()
  return data
}
