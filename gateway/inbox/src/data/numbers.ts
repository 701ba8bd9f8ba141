import { supabase } from './client'

export async function listNumbers(account: string) {
  const { data } = await supabase
    .from('sms_configs')
    .select()
    .eq('user_id', account)
    .order('created_at')
    .throwOnError()
  return data
}
