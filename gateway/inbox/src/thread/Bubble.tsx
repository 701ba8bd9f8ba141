import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Message } from '../data/client'
import { time } from '../format/time'
import { Icon } from '../parts/Icon'
import { Attachments } from './Attachments'
import { Details } from './Details'
import { useMemberName } from '../team/useMemberName'
import { useReason } from './useReason'
import { Why } from './Why'

const PROBLEMS = ['blocked', 'failed', 'undelivered', 'canceled']

export function Bubble({ message, isFollowing }: { message: Message; isFollowing: boolean }) {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  const reason = useReason()
  const { id, direction, author, status, message_content: content, occurred_at: at } = message
  const isProblem = PROBLEMS.includes(status)
  const isOurs = direction === 'outgoing'
  const writer = useMemberName()(message.sent_by) ?? t(`author.${author as 'ai'}`)
  const kind = ['message', direction, author, isProblem && 'bad', isFollowing && 'following']

  return (
    <article className={kind.filter(Boolean).join(' ')} aria-labelledby={`said-${id}`}>
      {content && <p className="bubble" dir="auto" id={`said-${id}`}>{content}</p>}
      <Attachments media={message.media} />
      <p className="meta">
        {isOurs && <span className="author">{author === 'ai' && <Icon name="spark" size={12} />}<bdi>{writer}</bdi></span>}
        <time dateTime={at}>{time(at)}</time>
        {isOurs && <State status={status} />}
        <button
          className="plain details-button"
          aria-expanded={isOpen}
          aria-label={t(isOpen ? 'details.hide' : 'details.show')}
          onClick={() => setOpen(!isOpen)}
        >
          <span className="with-mouse">{t(isOpen ? 'details.hide' : 'details.show')}</span>
          <span className="with-finger"><Icon name="more" size={14} /></span>
        </button>
      </p>
      {isProblem && <p className="why">{reason(message)}</p>}
      {message.no_reply_reason && (
        <p className="no-reply">{t('thread.notAnswered')} {t(`noReply.${message.no_reply_reason as 'old'}`)}</p>
      )}
      {isOpen && <Details message={message} />}
      {isOpen && <Why message={message} />}
    </article>
  )
}

function State({ status }: { status: string }) {
  const { t } = useTranslation()
  const isDone = status === 'delivered' || status === 'read'
  return (
    <span className={`state ${status}`}>
      {isDone && <Icon name="check" size={12} />}
      {PROBLEMS.includes(status) && <Icon name="alert" size={12} />}
      {t(`state.${status as 'queued'}`)}
    </span>
  )
}
