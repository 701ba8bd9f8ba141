import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Route, Switch } from 'wouter'
import type { OwnAccount } from '../data/team'
import { Conversations } from '../conversations/Conversations'
import { Navigation } from './Navigation'
import { Shortcuts } from './Shortcuts'
import { useAttention } from './useAttention'
import { useLive } from './useLive'

const Statistics = lazy(() => import('../statistics/Statistics'))
const Team = lazy(() => import('../team/Team'))
const Alerts = lazy(() => import('../alerts/Alerts'))
const Knowledge = lazy(() => import('../knowledge/Knowledge'))
const Numbers = lazy(() => import('../numbers/Numbers'))
const ReplayPage = lazy(() => import('../replay/ReplayPage'))

/** The sections and the one that is open. */
export function Frame({ accounts, onAccount }: {
  accounts: OwnAccount[]
  onAccount: (id: string) => void
}) {
  const { t } = useTranslation()
  const connection = useLive()
  const [isHelpOpen, setHelpOpen] = useState(false)
  useAttention()

  return (
    <div className="frame">
      <Navigation
        onHelp={() => setHelpOpen(true)}
        accounts={accounts}
        onAccount={onAccount}
      />
      <div className="section">
        {connection !== 'live' && (
          <p className="banner" role="status">{t(`offline.${connection}`)}</p>
        )}
        <Suspense fallback={<p className="waiting" role="status">{t('app.loading')}</p>}>
          <Switch>
            <Route path="/statistics"><Statistics /></Route>
            <Route path="/team"><Team /></Route>
            <Route path="/knowledge"><Knowledge /></Route>
            <Route path="/alerts"><Alerts /></Route>
            <Route path="/numbers"><Numbers /></Route>
            <Route path="/numbers/replays/:id">{({ id }) => <ReplayPage id={id} />}</Route>
            <Route path="/:id?">{({ id }) => <Conversations open={id ?? ''} />}</Route>
          </Switch>
        </Suspense>
      </div>
      <Shortcuts isOpen={isHelpOpen} setOpen={setHelpOpen} />
    </div>
  )
}
