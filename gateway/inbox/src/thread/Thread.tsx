import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useAccount } from '../account'
import { ContactPane } from '../contact/ContactPane'
import type { PhoneNumber } from '../data/client'
import { isPaused, markRead } from '../data/conversations'
import { refreshConversations, useConversation, usePendingReply, useThread } from '../data/queries'
import { sentence } from '../errors'
import { useKeys } from '../frame/keys'
import { Empty } from '../parts/Empty'
import { Composer } from './Composer'
import { Head } from './Head'
import { Log } from './Log'
import { useOutbox } from './useOutbox'

export function Thread({ id, numbers }: { id: string; numbers: PhoneNumber[] }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: conversation, error } = useConversation(id)
  const thread = useThread(id)
  const { data: pending } = usePendingReply(id)
  const outbox = useOutbox(id, thread.data?.messages ?? [])
  const [isPaneOpen, setPaneOpen] = useState(false)
  useMarkRead(id, conversation?.read_up_to_id, thread.data?.messages ?? [])
  useKeys({ contact: () => setPaneOpen((open) => !open) })

  if (conversation === null) {
    return (
      <Empty icon="search" title={t('thread.missing')} isWholePage>
        <p>{t('thread.missingLead')}</p>
        <Link href="/" className="button">{t('common.back')}</Link>
      </Empty>
    )
  }
  const problem = error ?? thread.error
  if (!conversation) {
    return problem
      ? <p role="alert" className="problem spaced">{sentence(problem)}</p>
      : <p className="waiting" role="status">{t('app.loading')}</p>
  }

  const number = numbers.find((one) => one.id === conversation.config_id)
  return (
    <div className="thread-and-contact">
      <section className="thread" aria-labelledby="contact-name">
        <Head
          conversation={conversation}
          number={number}
          isPaneOpen={isPaneOpen}
          onPane={() => setPaneOpen((open) => !open)}
        />
        <Log
          problem={problem ? sentence(problem) : ''}
          thread={thread.data}
          outbox={outbox}
          pending={isPaused(conversation) ? undefined : pending}
          loadOlder={thread.loadOlder}
        />
        <Composer
          key={conversation.status}
          conversation={conversation}
          number={number}
          messages={thread.data?.messages ?? []}
          onSend={outbox.send}
        />
      </section>
      <ContactPane
        account={account}
        conversation={conversation}
        number={number}
        isOpen={isPaneOpen}
        onClose={() => setPaneOpen(false)}
      />
    </div>
  )
}

/** What is on the screen has been read. */
function useMarkRead(
  id: string,
  readUpTo: number | undefined,
  messages: { id: number; direction: string }[],
) {
  const newest = messages.findLast((message) => message.direction === 'incoming')?.id ?? 0

  useEffect(() => {
    if (readUpTo === undefined || newest <= readUpTo) return
    const mark = () => {
      if (document.visibilityState === 'hidden') return
      // Not told when it fails: the next message or look marks it.
      markRead(id, newest).then(() => refreshConversations([id])).catch(() => undefined)
    }
    mark()
    document.addEventListener('visibilitychange', mark)
    return () => document.removeEventListener('visibilitychange', mark)
  }, [id, newest, readUpTo])
}
