import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation } from 'wouter'
import { useAccount } from '../account'
import type { View } from '../data/conversations'
import { useNumbers } from '../data/queries'
import { useKeys } from '../frame/keys'
import { Empty } from '../parts/Empty'
import { Thread } from '../thread/Thread'
import { Filters } from './Filters'
import { Found } from './Found'
import { List } from './List'
import { NoNumber } from './NoNumber'
import { SearchBox } from './SearchBox'

/** The list at one side, what is open of it at the other. */
export function Conversations({ open }: { open: string }) {
  const { t } = useTranslation()
  const { id: account, user } = useAccount()
  const [, go] = useLocation()
  const [view, setView] = useState<View>('all')
  const [number, setNumber] = useState('')
  const [query, setQuery] = useState('')
  const { data: numbers } = useNumbers(account)
  useKeys({ back: () => (query ? setQuery('') : go('/')) })

  if (numbers?.length === 0) return <NoNumber />
  return (
    <main className={open ? 'conversations open' : 'conversations'}>
      <section className="list" aria-labelledby="list-title">
        <header className="list-head">
          <h1 id="list-title">{t('list.label')}</h1>
          <Filters
            view={view}
            onView={setView}
            number={number}
            onNumber={setNumber}
            numbers={numbers ?? []}
          />
        </header>
        <SearchBox query={query} onQuery={setQuery} />
        {query.trim() ? (
          <Found query={query.trim()} open={open} />
        ) : (
          <List key={`${view} ${number}`} filter={{ account, view, number, me: user.id }} open={open} />
        )}
      </section>
      <div className="thread-place">
        {open ? <Thread key={open} id={open} numbers={numbers ?? []} /> : <NothingOpen />}
      </div>
    </main>
  )
}

function NothingOpen() {
  const { t } = useTranslation()
  return (
    <Empty icon="chats" title={t('thread.none')}>
      <p>{t('thread.noneLead', { key: '?' })}</p>
    </Empty>
  )
}
