import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useMayManage } from '../account'
import { cancelReplay, getReplay, type Replay } from '../data/replays'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { count, dateTime } from '../format/time'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { useTell } from '../parts/Undo'
import { FILTERS, type FilterName } from './filters'
import { Pair } from './Pair'
import { Totals } from './Totals'
import { useChangedNames } from './useChangedNames'
import './replay.css'

const LOOK_AGAIN_MS = 2000

/** What was sent then, and what would be now: side by side, for people to judge. */
export default function ReplayPage({ id }: { id: string }) {
  const { t } = useTranslation()
  const [filter, setFilter] = useState<FilterName>('all')
  const changedNames = useChangedNames()
  const { data: replay, error } = useQuery({
    queryKey: ['replay', id],
    queryFn: () => getReplay(id),
    refetchInterval: ({ state }) => state.data?.status === 'running' && LOOK_AGAIN_MS,
    retry: false,
  })

  if (!replay) {
    return (
      <main className="page">
        {!error && <p className="waiting" role="status">{t('app.loading')}</p>}
        {error && (
          <Empty icon="history" title={t('replay.missing')} isWholePage>
            <p role="alert">{sentence(error)}</p>
            <Link href="/numbers">{t('numbers.title')}</Link>
          </Empty>
        )}
      </main>
    )
  }
  const shown = replay.answers.filter(FILTERS[filter])
  return (
    <main className="page">
      <header className="page-head replay-head">
        <Link href="/numbers" className="plain replay-back"><Icon name="back" size={18} />{t('numbers.title')}</Link>
        <h1>{t('replay.of', { time: dateTime(replay.created_at) })}</h1>
      </header>
      <p className="replay-changes"><span className="quiet-words">{t('replay.changed')} </span><bdi>{changedNames(replay.changes)}</bdi></p>
      {replay.status === 'running' && <Progress replay={replay} />}
      {replay.status === 'canceled' && <p className="try-note spaced-below">{t('replay.stopped')}</p>}
      <Totals replay={replay} />
      <div className="block-head">
        <h2>{t('replay.answers')}</h2>
        <select
          className="select"
          aria-label={t('list.filters')}
          value={filter}
          onChange={(event) => setFilter(event.target.value as FilterName)}
        >
          {(Object.keys(FILTERS) as FilterName[]).map((name) => (
            <option key={name} value={name}>
              {t(`replay.filter.${name}`)} ({count(replay.answers.filter(FILTERS[name]).length)})
            </option>
          ))}
        </select>
      </div>
      {shown.length === 0 && <p className="quiet-words">{t('replay.noneLikeThis')}</p>}
      <ol className="pairs">
        {shown.map((answer) => <Pair key={answer.place} replay={id} answer={answer} />)}
      </ol>
    </main>
  )
}

function Progress({ replay }: { replay: Replay }) {
  const { t } = useTranslation()
  const { problem } = useTell()
  const mayManage = useMayManage()
  const { answers: all, pending } = replay.totals
  const done = all - pending

  async function stop() {
    await cancelReplay(replay.id).catch(problem)
    await queries.invalidateQueries({ queryKey: ['replay', replay.id] })
  }

  return (
    <section className="card-block replay-progress" aria-label={t('replay.progress')}>
      <progress max={all} value={done} aria-label={t('replay.progress')} />
      <span>{t('replay.done', { done: count(done), all: count(all) })}</span>
      {mayManage && <button className="quiet" onClick={() => void stop()}>{t('try.stop')}</button>}
      {replay.is_suspended && <p className="quiet-words" role="status">{t('try.suspended')}</p>}
    </section>
  )
}
