import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { type Delivery, listDeliveries, replayDelivery } from '../data/alerts'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { dateTime } from '../format/time'
import { useTell } from '../parts/Undo'
import { eventName } from './eventName'

/** What became of the newest events of a target. */
export function Deliveries({ target }: { target: string }) {
  const { t } = useTranslation()
  const { data, error } = useQuery({
    queryKey: ['deliveries', target],
    queryFn: () => listDeliveries(target),
    refetchInterval: 5000,
  })
  if (error) return <p role="alert" className="problem">{sentence(error)}</p>
  if (data?.length === 0) return <p className="quiet-words">{t('alerts.noDeliveries')}</p>
  return <ul className="people">{data?.map((one) => <Row key={one.id} delivery={one} />)}</ul>
}

function Row({ delivery }: { delivery: Delivery }) {
  const { t } = useTranslation()
  const { problem } = useTell()
  const { status, error, response_status: code, sms_events: event } = delivery

  async function replay() {
    await replayDelivery(delivery.id).catch(problem)
    await queries.invalidateQueries({ queryKey: ['deliveries'] })
  }

  return (
    <li className="person">
      <span className="person-name">
        {event?.conversation_id
          ? <Link href={`/${event.conversation_id}`}>{eventName(t, event.type)}</Link>
          : eventName(t, event?.type ?? '')}
        <span className="quiet-words">
          {dateTime(delivery.created_at)}{code !== null && ` · HTTP ${code}`}{error && ` · ${error}`}
        </span>
      </span>
      <span className={status === 'dead' ? 'mark bad' : 'mark'}>{t(`alerts.delivery.${status as 'pending'}`)}</span>
      {status === 'dead' && <button className="quiet" onClick={() => void replay()}>{t('alerts.replay')}</button>}
    </li>
  )
}
