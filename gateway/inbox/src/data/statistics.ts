import { supabase } from './client'

/** Counters since a UTC day, oldest first; a day has one row or several per number. */
export async function listDailyStats(account: string, since: string, number: string) {
  let query = supabase.from('sms_daily_stats').select().eq('user_id', account).gte('day', since)
  if (number) query = query.eq('config_id', number)
  const { data } = await query.order('day').throwOnError()
  return data
}
export type DailyStats = Awaited<ReturnType<typeof listDailyStats>>[number]

export async function getMetrics(days: number) {
  const { data } = await supabase
    .rpc('get_sms_engagement_metrics', { p_days: days })
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
