import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { useTeam } from '../data/queries'

/** What somebody of the team is called: you, or the address up to its @. */
export function useMemberName(): (id: string | null) => string | undefined {
  const { t } = useTranslation()
  const { id: account, user } = useAccount()
  const { data: team } = useTeam(account)
  return (id) => {
    if (!id) return undefined
    if (id === user.id) return t('author.human')
    return team?.find((one) => one.member_id === id)?.email.replace(/@.*/, '')
  }
}
