import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation } from 'wouter'
import type { Conversation } from '../data/client'
import type { Filter } from '../data/conversations'
import { useConversations } from '../data/queries'
import { sentence } from '../errors'
import { useKeys } from '../frame/keys'
import { Empty } from '../parts/Empty'
import { Row } from './Row'

const ROW = 80
const HEADING = 34
/** The next page is asked for this many rows before the end. */
const AHEAD = 30

type Item = { heading: string } | { row: Conversation }

/** All conversations of a filter, who needs a human first; only what is seen is in the page. */
export function List({ filter, open }: { filter: Filter; open: string }) {
  const { t } = useTranslation()
  const [, go] = useLocation()
  const { data, error, refetch, loadMore } = useConversations(filter)
  const human = useConversations({ ...filter, view: 'human' }, filter.view === 'all')
  const waiting = filter.view === 'all' ? human.data?.rows : undefined
  const items = useMemo(() => arranged(data?.rows ?? [], waiting ?? [], t('list.needsHuman'), t('list.others')), [data, waiting, t])
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (place) => ('heading' in (items[place] ?? {}) ? HEADING : ROW),
    getItemKey: (place) => keyOf(items[place], place),
    overscan: 8,
  })
  const seen = virtual.getVirtualItems()
  const lastSeen = seen.at(-1)?.index ?? 0

  useEffect(() => {
    if (data?.hasMore && lastSeen > items.length - AHEAD) loadMore().catch(() => undefined)
  }, [data, lastSeen, items.length, loadMore])

  function step(by: number) {
    const rows = items.flatMap((item) => ('row' in item ? [item.row] : []))
    const now = rows.findIndex((row) => row.id === open)
    const next = rows[now < 0 ? 0 : now + by]
    if (!next) return
    go(`/${next.id}`)
    virtual.scrollToIndex(items.findIndex((item) => 'row' in item && item.row.id === next.id))
  }
  useKeys({ next: () => step(1), previous: () => step(-1) })

  if (error && !data) return <Problem error={error} onRetry={() => void refetch()} />
  if (!data) return <Loading />
  if (items.length === 0) return <NoRows isFiltered={filter.view !== 'all' || !!filter.number} />
  return (
    <div className="rows" ref={scroller}>
      <ul className="rows-inside" aria-labelledby="list-title" style={{ height: virtual.getTotalSize() }}>
        {seen.map(({ index, key, start, size }) => {
          const item = items[index]
          if (!item) return null
          return (
            <li
              key={key}
              className="row-place"
              style={{ transform: `translateY(${start}px)`, height: size }}
              aria-setsize={data.hasMore ? -1 : items.length}
              aria-posinset={index + 1}
            >
              {'row' in item
                ? <Row row={item.row} isOpen={item.row.id === open} />
                : <h2 className="rows-heading">{item.heading}</h2>}
            </li>
          )
        })}
      </ul>
    </div>
  )
}

/** Who needs a human stands first, the longest wait at the top. */
function arranged(rows: Conversation[], waiting: Conversation[], first: string, others: string): Item[] {
  const urgent = [...waiting].reverse()
  const ids = new Set(urgent.map((row) => row.id))
  const rest = rows.filter((row) => !ids.has(row.id)).map((row) => ({ row }))
  if (urgent.length === 0) return rest
  return [
    { heading: first },
    ...urgent.map((row) => ({ row })),
    ...(rest.length ? [{ heading: others }, ...rest] : []),
  ]
}

function keyOf(item: Item | undefined, place: number): string | number {
  if (!item) return place
  return 'row' in item ? item.row.id : item.heading
}

function Problem({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useTranslation()
  return (
    <div className="problem-place">
      <p role="alert" className="problem">{sentence(error)}</p>
      <button onClick={onRetry}>{t('app.retry')}</button>
    </div>
  )
}

function Loading() {
  const { t } = useTranslation()
  return (
    <div className="rows skeleton" role="status" aria-label={t('app.loading')}>
      {[...Array(8).keys()].map((place) => <div key={place} className="skeleton-row" />)}
    </div>
  )
}

function NoRows({ isFiltered }: { isFiltered: boolean }) {
  const { t } = useTranslation()
  return (
    <Empty icon={isFiltered ? 'search' : 'chats'} title={t(isFiltered ? 'list.emptyView' : 'list.empty')}>
      <p>{t(isFiltered ? 'list.emptyViewLead' : 'list.emptyLead')}</p>
    </Empty>
  )
}
