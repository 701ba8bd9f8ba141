import { supabase } from './client'

/** Counters of the last days (UTC, today included) that have any, oldest first. */
export async function listDailyStats(account: string, days: number, number: string) {
  const { data } = await supabase
    .rpc('get_sms_daily', { p_user_id: account, p_config_id: number || undefined, p_days: days })
    .throwOnError()
  return data
}
export type DailyStats = Awaited<ReturnType<typeof listDailyStats>>[number]

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
