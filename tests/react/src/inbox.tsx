import { useState } from 'react'
import { type Conversation, findMessages, listConversations } from './api'
import { useRefresh } from './hooks'
import { moment } from './time'

const PAGE = 30
const AUTHORS: Record<string, string> = { human: 'You: ', ai: 'AI: ', system: 'Automatic: ' }

export function Inbox({ turn, open }: { turn: number; open: string }) {
  const [query, setQuery] = useState('')

  return (
    <nav aria-label="Conversations">
      <input
        type="search"
        aria-label="Search numbers and texts"
        placeholder="Search numbers and texts"
        value={query}
        onChange={(event) => setQuery(event.target.value)}
      />
      {query.trim() ? <Found query={query} turn={turn} /> : <Conversations turn={turn} open={open} />}
    </nav>
  )
}

function Conversations({ turn, open }: { turn: number; open: string }) {
  const [limit, setLimit] = useState(PAGE)
  const [conversations, setConversations] = useState<Conversation[]>()
  const problem = useRefresh(
    async () => setConversations(await listConversations(limit)),
    [turn, limit],
  )

  return (
    <>
      {problem && <p role="alert" className="problem">{problem}</p>}
      {conversations?.length === 0 && (
        <p className="empty">No conversations yet. The first text to your number appears here by itself.</p>
      )}
      <ul>
        {conversations?.map((conversation) => (
          <li key={conversation.id}>
            <Row conversation={conversation} isOpen={conversation.id === open} />
          </li>
        ))}
      </ul>
      {conversations?.length === limit && (
        <button onClick={() => setLimit(limit + PAGE)}>Older conversations</button>
      )}
    </>
  )
}

function Row({ conversation, isOpen }: { conversation: Conversation; isOpen: boolean }) {
  const { unread_count: unread, status, wants_human: wantsPerson } = conversation

  return (
    <a
      href={`#${conversation.id}`}
      className={unread ? 'row unread' : 'row'}
      aria-current={isOpen ? 'true' : undefined}
    >
      <span className="who">{conversation.contact_number}</span>
      <time dateTime={conversation.last_message_at}>{moment(conversation.last_message_at)}</time>
      <span className="preview">
        {AUTHORS[conversation.message_author ?? '']}
        {conversation.message_content}
      </span>
      <span className="marks">
        {wantsPerson && <span className="mark urgent">Wants a person</span>}
        {isPaused(conversation) && <span className="mark">AI paused</span>}
        {status === 'closed' && <span className="mark">Closed</span>}
        {unread ? (
          <span className="count">
            {unread < 100 ? unread : '99+'}
            <span className="unseen"> unread</span>
          </span>
        ) : null}
      </span>
    </a>
  )
}

export function isPaused({ status, auto_reply, paused_until }: Conversation): boolean {
  if (status === 'closed') return false
  return !auto_reply || (paused_until !== null && new Date(paused_until) > new Date())
}

function Found({ query, turn }: { query: string; turn: number }) {
  const [found, setFound] = useState<Awaited<ReturnType<typeof findMessages>>>()
  const problem = useRefresh(async () => setFound(await findMessages(query)), [query, turn])

  return (
    <>
      {problem && <p role="alert" className="problem">{problem}</p>}
      {found?.length === 0 && <p className="empty">Nothing found.</p>}
      <ul aria-label="Found">
        {found?.map((message) => (
          <li key={message.id}>
            <a className="row" href={`#${message.conversation_id}`}>
              <span className="who">{message.sms_conversations.contact_number}</span>
              <time dateTime={message.occurred_at}>{moment(message.occurred_at)}</time>
              <span className="preview">{message.message_content}</span>
            </a>
          </li>
        ))}
      </ul>
    </>
  )
}
