// Who is signed in, and whose conversations are shown.
import type { User } from '@supabase/supabase-js'
import { createContext, useContext } from 'react'

export type Role = 'agent' | 'admin' | 'owner'

/** `id` is the account: sms_conversations.user_id of all that is shown. */
export type Account = { id: string; role: Role; user: User }

export const AccountContext = createContext<Account | null>(null)

export function useAccount(): Account {
  const account = useContext(AccountContext)
  if (!account) throw new Error('nobody is signed in')
  return account
}

/** Settings, knowledge and members are changed by admins and the owner. */
export function useMayManage(): boolean {
  return useAccount().role !== 'agent'
}
