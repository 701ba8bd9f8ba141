import { type Database, supabase } from './client'

export async function listNumbers(account: string) {
  const { data } = await supabase
    .from('sms_configs')
    .select()
    .eq('user_id', account)
    .order('created_at')
    .throwOnError()
  return data
}

/** All of it or nothing. */
export async function changeNumber(
  id: string,
  change: Database['public']['Tables']['sms_configs']['Update'],
) {
  await supabase.from('sms_configs').update(change).eq('id', id).throwOnError()
}

export async function listVersions(account: string, id: string) {
  const { data } = await supabase
    .from('sms_config_versions')
    .select()
    .eq('user_id', account)
    .eq('config_id', id)
    .order('version', { ascending: false })
    .limit(20)
    .throwOnError()
  return data
}

export async function restoreVersion(id: string, version: number) {
  await supabase
    .rpc('restore_sms_config_version', { p_config_id: id, p_version: version })
    .throwOnError()
}

/** What is known of models: when they end. */
export async function listModels() {
  const { data } = await supabase.from('sms_models').select('model, shuts_down_on').throwOnError()
  return data
}
