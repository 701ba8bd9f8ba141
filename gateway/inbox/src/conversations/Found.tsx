import { useDeferredValue } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useAccount } from '../account'
import type { Found as FoundMessage } from '../data/conversations'
import { useSearch } from '../data/queries'
import { sentence } from '../errors'
import { useName } from '../format/name'
import { moment } from '../format/time'
import { Avatar } from '../parts/Avatar'
import { Empty } from '../parts/Empty'
import { Highlight } from './Highlight'

export function Found({ query, open }: { query: string; open: string }) {
  const { t } = useTranslation()
  const words = useDeferredValue(query)
  const { id: account } = useAccount()
  const { data, error, isFetching } = useSearch(account, words)
  const found = data?.found

  if (error) return <p role="alert" className="problem">{sentence(error)}</p>
  return (
    <div className="rows found">
      <p className="rows-heading" role="status">
        {found && !isFetching ? t('list.found', { count: found.length }) : t('list.searching')}
      </p>
      {found?.length === 0 && !isFetching && (
        <Empty icon="search" title={t('list.nothingFound')}>
          <p><bdi>{t('list.nothingFoundLead', { query })}</bdi></p>
        </Empty>
      )}
      <ul aria-label={t('list.search')}>
        {found?.map((message) => (
          <li key={message.id}>
            <FoundRow
              message={message}
              called={data?.names.get(message.sms_conversations.contact_number)}
              query={words}
              isOpen={message.conversation_id === open}
            />
          </li>
        ))}
      </ul>
    </div>
  )
}

function FoundRow({ message, called, query, isOpen }: {
  message: FoundMessage
  called: string | null | undefined
  query: string
  isOpen: boolean
}) {
  const contact = message.sms_conversations.contact_number
  const name = useName()({ contact_number: contact, contact_name: called })
  return (
    <Link
      href={`/${message.conversation_id}`}
      className="row"
      aria-current={isOpen ? 'true' : undefined}
    >
      <Avatar name={name} seed={contact} />
      <span className="row-words">
        <span className="row-top">
          <bdi className="row-name"><Highlight text={name} query={query} /></bdi>
          <time dateTime={message.occurred_at}>{moment(message.occurred_at)}</time>
        </span>
        <span className="row-line two">
          <bdi><Highlight text={message.message_content} query={query} isExcerpt /></bdi>
        </span>
      </span>
    </Link>
  )
}
