// Accounts, who works in them, and invitations.
import { supabase } from './client'

export async function listAccounts() {
  const { data } = await supabase.rpc('get_sms_accounts').throwOnError()
  return data
}
export type OwnAccount = Awaited<ReturnType<typeof listAccounts>>[number]

export async function listTeam(account: string) {
  const { data } = await supabase.rpc('get_sms_team', { p_user_id: account }).throwOnError()
  return data
}

export async function listInvitations(account: string) {
  const { data } = await supabase
    .from('sms_invitations')
    .select()
    .eq('user_id', account)
    .is('accepted_at', null)
    .order('created_at')
    .throwOnError()
  return data
}

export async function invite(account: string, email: string, role: string) {
  await supabase
    .rpc('invite_sms_member', { p_email: email, p_role: role, p_user_id: account })
    .throwOnError()
}

export async function acceptInvitation(id: string) {
  const { data } = await supabase.rpc('accept_sms_invitation', { p_invitation_id: id }).throwOnError()
  return data[0]?.user_id
}

export async function withdrawInvitation(id: string) {
  await supabase.from('sms_invitations').delete().eq('id', id).throwOnError()
}

export async function setRole(account: string, member: string, role: string) {
  await supabase
    .from('sms_members')
    .update({ role })
    .eq('user_id', account)
    .eq('member_id', member)
    .throwOnError()
}

export async function removeMember(account: string, member: string) {
  await supabase
    .rpc('remove_sms_member', { p_member_id: member, p_user_id: account })
    .throwOnError()
}

export async function leaveAccount(account: string) {
  await supabase.rpc('leave_sms_account', { p_user_id: account }).throwOnError()
}

export async function assign(conversationId: string, member: string | null) {
  await supabase
    .rpc('assign_sms_conversation', {
      p_conversation_id: conversationId,
      p_member_id: member as string, // null: nobody
    })
    .throwOnError()
}
