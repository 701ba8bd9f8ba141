import type { User } from '@supabase/supabase-js'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { AccountContext, type Role } from './account'
import { useAccounts } from './data/queries'
import { acceptInvitation, type OwnAccount } from './data/team'
import { sentence } from './errors'
import { Frame } from './frame/Frame'
import { useTell } from './parts/Undo'
import { invitationInAddress } from './signin/invitation'

const CHOICE = 'inbox.account'

/** One of the accounts the user works in: the one chosen last, else the first that has a number. */
export function SignedIn({ user }: { user: User }) {
  const { t } = useTranslation()
  const { data: accounts, error, refetch } = useAccounts(user.id)
  const [chosen, setChosen] = useState(() => localStorage.getItem(CHOICE) ?? '')
  useInvitation((account) => {
    choose(account)
    void refetch()
  })

  function choose(account: string) {
    localStorage.setItem(CHOICE, account)
    setChosen(account)
  }

  if (error && !accounts) {
    return (
      <main className="alone">
        <div className="problem-place">
          <p role="alert" className="problem">{sentence(error)}</p>
          <button onClick={() => void refetch()}>{t('app.retry')}</button>
        </div>
      </main>
    )
  }
  if (!accounts) return <p className="waiting" role="status">{t('app.loading')}</p>
  const account = accounts.find((one) => one.user_id === chosen) ?? first(accounts)
  const id = account?.user_id ?? user.id
  return (
    <AccountContext.Provider value={{ id, role: (account?.role ?? 'owner') as Role, user }}>
      <Frame key={id} accounts={accounts} onAccount={choose} />
    </AccountContext.Provider>
  )
}

function first(accounts: OwnAccount[]): OwnAccount | undefined {
  return accounts.find((one) => one.phone_numbers.length > 0) ?? accounts[0]
}

/** Accepts the invitation that the address names, once. */
function useInvitation(onAccepted: (account: string) => void) {
  const { t } = useTranslation()
  const { done, problem } = useTell()

  useEffect(() => {
    const id = invitationInAddress.take()
    if (!id) return
    acceptInvitation(id).then((account) => {
      if (account) onAccepted(account)
      done({ words: t('team.accepted') })
    }, problem)
  }, [])
}
