// What is known of a contact.
import { supabase, type Database, type Tables } from './client'

export type Contact = Tables<'sms_contacts'>
export type ContactChange = Database['public']['Tables']['sms_contacts']['Update']

export async function getContact(account: string, contact: string): Promise<Contact | null> {
  const { data } = await supabase
    .from('sms_contacts')
    .select()
    .eq('user_id', account)
    .eq('contact_number', contact)
    .maybeSingle()
    .throwOnError()
  return data
}

export async function listNames(account: string, contacts: string[]) {
  const { data } = await supabase
    .from('sms_contacts')
    .select('contact_number, name')
    .eq('user_id', account)
    .in('contact_number', contacts)
    .throwOnError()
  return new Map(data.map(({ contact_number, name }) => [contact_number, name]))
}

export async function changeContact(account: string, contact: string, change: ContactChange) {
  await supabase
    .from('sms_contacts')
    .update(change)
    .eq('user_id', account)
    .eq('contact_number', contact)
    .throwOnError()
}

/** sms_opt_outs.phone_number of what counts for every number of the account. */
export const EVERY_NUMBER = '*'

/** Opt-outs and opt-ins of a contact, the newest first. */
export async function listOptOuts(account: string, contact: string) {
  const { data } = await supabase
    .from('sms_opt_outs')
    .select()
    .eq('user_id', account)
    .eq('contact_number', contact)
    .order('changed_at', { ascending: false })
    .throwOnError()
  return data
}

export async function eraseContact(account: string, contact: string) {
  await supabase
    .rpc('erase_sms_contact', { p_contact_number: contact, p_user_id: account })
    .throwOnError()
}
