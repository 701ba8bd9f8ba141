import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useAccount, useMayManage } from '../account'
import type { PhoneNumber } from '../data/client'
import { type Changes, listReplays } from '../data/replays'
import { dateTime } from '../format/time'
import { useChangedNames } from './useChangedNames'
import { Start } from './Start'
import './replay.css'

/** The replays of a number, and the way to a new one. */
export function Replays({ number, changes }: { number: PhoneNumber; changes: Changes }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const mayManage = useMayManage()
  const [isStarting, setStarting] = useState(false)
  const changedNames = useChangedNames()
  const { data: replays = [] } = useQuery({
    queryKey: ['replays', number.id],
    queryFn: () => listReplays(account, number.id),
  })

  return (
    <section className="card-block" aria-labelledby="replays">
      <div className="block-head">
        <h2 id="replays">{t('replay.title')}</h2>
        {mayManage && <button onClick={() => setStarting(true)}>{t('replay.new')}</button>}
      </div>
      <p className="quiet-words">{t('replay.lead')}</p>
      <ul className="replays">
        {replays.map((replay) => (
          <li key={replay.id}>
            <Link href={`/numbers/replays/${replay.id}`}>{dateTime(replay.created_at)}</Link>
            <span className="mark">{t(`replay.status.${replay.status as 'running'}`)}</span>
            <span className="quiet-words">{changedNames(replay.changes as Changes)}</span>
          </li>
        ))}
      </ul>
      {isStarting && <Start number={number} changes={changes} onClose={() => setStarting(false)} />}
    </section>
  )
}
