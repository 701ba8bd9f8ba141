import { useDeferredValue } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
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
  const { data, error, isFetching } = useSearch(words)

  if (error) return <p role="alert" className="problem">{sentence(error)}</p>
  return (
    <div className="rows found">
      <p className="rows-heading" role="status">
        {data && !isFetching ? t('list.found', { count: data.length }) : t('list.searching')}
      </p>
      {data?.length === 0 && !isFetching && (
        <Empty icon="search" title={t('list.nothingFound')}>
          <p><bdi>{t('list.nothingFoundLead', { query })}</bdi></p>
        </Empty>
      )}
      <ul aria-label={t('list.search')}>
        {data?.map((message) => (
          <li key={message.id}>
            <FoundRow message={message} query={words} isOpen={message.conversation_id === open} />
          </li>
        ))}
      </ul>
    </div>
  )
}

function FoundRow({ message, query, isOpen }: {
  message: FoundMessage
  query: string
  isOpen: boolean
}) {
  const contact = message.sms_conversations.contact_number
  const name = useName()({ contact_number: contact })
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
