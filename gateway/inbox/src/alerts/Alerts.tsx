import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { changeTarget, listTargets, removeTarget, type Target, testTarget } from '../data/alerts'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { usePhone } from '../format/phone'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { useTell } from '../parts/Undo'
import { Deliveries } from './Deliveries'
import { eventName } from './eventName'
import { NewTarget } from './NewTarget'

/** Who is told when something happens. */
export default function Alerts() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: targets, error } = useQuery({
    queryKey: ['targets', account],
    queryFn: () => listTargets(account),
  })
  const [isAdding, setAdding] = useState(false)

  return (
    <main className="page">
      <header className="page-head">
        <h1>{t('alerts.title')}</h1>
        <button className="quiet" onClick={() => setAdding(true)}>
          <Icon name="plus" size={16} />{t('alerts.new')}
        </button>
      </header>
      {error && <p role="alert" className="problem">{sentence(error)}</p>}
      {targets?.length === 0 && (
        <Empty icon="bell" title={t('alerts.none')}><p>{t('alerts.noneLead')}</p></Empty>
      )}
      {targets?.map((target) => <TargetCard key={target.id} target={target} />)}
      {isAdding && <NewTarget onClose={() => setAdding(false)} />}
    </main>
  )
}

function TargetCard({ target }: { target: Target }) {
  const { t } = useTranslation()
  const phone = usePhone()
  const { done, problem } = useTell()
  const [isOpen, setOpen] = useState(false)
  const name = target.kind === 'sms' ? phone(target.address) : target.address.replace(/^https:\/\//, '')

  async function run(work: Promise<void>, words: string) {
    try {
      await work
      done({ words })
    } catch (error) {
      problem(error)
    }
    await queries.invalidateQueries({ predicate: ({ queryKey: [kind] }) => kind === 'targets' || kind === 'deliveries' })
  }

  return (
    <section className="card-block" aria-label={name}>
      <header className="block-head">
        <h2 className="target-name"><bdi>{name}</bdi></h2>
        <State target={target} />
      </header>
      <ul className="marks">
        {target.event_types.map((type) => <li key={type} className="mark">{eventName(t, type)}</li>)}
      </ul>
      {target.disabled_reason && <p className="problem-words">{target.disabled_reason}</p>}
      {target.last_error && target.failures > 0 && (
        <p className="problem-words">{t('alerts.lastError', { count: target.failures, reason: target.last_error })}</p>
      )}
      <div className="filters target-actions">
        <button className="quiet" disabled={!target.is_enabled} onClick={() => void run(testTarget(target.id), t('alerts.tested'))}>
          {t(target.kind === 'sms' && !target.confirmed_at ? 'alerts.codeAgain' : 'alerts.test')}
        </button>
        <button className="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>{t('alerts.deliveries')}</button>
        <button
          className="quiet"
          onClick={() => void run(changeTarget(target.id, { is_enabled: !target.is_enabled }), t('common.saved'))}
        >
          {t(target.is_enabled ? 'alerts.turnOff' : 'alerts.turnOn')}
        </button>
        <button className="quiet danger" onClick={() => void run(removeTarget(target.id), t('alerts.removed'))}>
          {t('alerts.remove')}
        </button>
      </div>
      {isOpen && <Deliveries target={target.id} />}
    </section>
  )
}

function State({ target }: { target: Target }) {
  const { t } = useTranslation()
  if (!target.is_enabled) return <span className="mark">{t('alerts.state.off')}</span>
  if (target.kind === 'sms' && !target.confirmed_at) return <span className="mark urgent">{t('alerts.state.unconfirmed')}</span>
  if (target.failures > 0) return <span className="mark bad">{t('alerts.state.failing')}</span>
  return <span className="mark">{t('alerts.state.on')}</span>
}
