import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useAccount } from '../account'
import { useTeam } from '../data/queries'
import type { Conversation } from '../data/client'
import { isPaused } from '../data/conversations'
import { moment, waited } from '../format/time'
import { useName } from '../format/name'
import { Avatar } from '../parts/Avatar'
import { Icon } from '../parts/Icon'
import { useMemberName } from '../team/useMemberName'

export const FAILED = ['failed', 'undelivered', 'blocked']

export function Row({ row, isOpen }: { row: Conversation; isOpen: boolean }) {
  const name = useName()(row)
  const unread = row.unread_count ?? 0

  return (
    <Link
      href={`/${row.id}`}
      className={unread ? 'row unread' : 'row'}
      aria-current={isOpen ? 'true' : undefined}
    >
      <Avatar name={name} seed={row.contact_number} />
      <span className="row-words">
        <span className="row-top">
          <bdi className="row-name">{name}</bdi>
          <time dateTime={row.last_message_at}>{moment(row.last_message_at)}</time>
        </span>
        <span className="row-bottom">
          <LastLine row={row} />
          <Unread count={unread} />
        </span>
        <Marks row={row} />
      </span>
    </Link>
  )
}

function LastLine({ row }: { row: Conversation }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: team } = useTeam(account)
  const { message_author: author, message_content: content } = row
  const us = t(team && team.length > 1 ? 'list.team' : 'author.human')
  const isOurs = author === 'human' || author === 'ai' || author === 'system'
  return (
    <span className="row-line">
      {isOurs && <span className="row-author">{author === 'human' ? us : t(`author.${author}`)}: </span>}
      <bdi>{content || t(row.message_id ? 'list.media' : 'list.noMessage')}</bdi>
    </span>
  )
}

function Unread({ count }: { count: number }) {
  const { t } = useTranslation()
  if (count === 0) return null
  return (
    <span className="unread-count">
      <span aria-hidden="true">{count < 100 ? count : '99+'}</span>
      <span className="unseen">{t('list.unread', { count })}</span>
    </span>
  )
}

function Marks({ row }: { row: Conversation }) {
  const { t } = useTranslation()
  const failed = FAILED.includes(row.message_status ?? '')
  const paused = isPaused(row)
  const closed = row.status === 'closed'
  const holder = useMemberName()(row.assigned_to)
  const isSaid = row.wants_human || failed || paused || closed || row.is_blocked || row.is_opted_out
  if (!isSaid && !holder) return null
  return (
    <span className="marks">
      {row.wants_human && (
        <span className="mark urgent">
          <Icon name="hand" size={13} />
          <span className="unseen">{t('mark.human')}: </span>
          {t('list.waiting', { time: waited(row.wants_human_since ?? row.last_message_at) })}
        </span>
      )}
      {row.is_blocked && <span className="mark bad"><Icon name="block" size={13} />{t('mark.blocked')}</span>}
      {row.is_opted_out && <span className="mark"><Icon name="block" size={13} />{t('mark.optedOut')}</span>}
      {failed && <span className="mark bad"><Icon name="alert" size={13} />{t('mark.failed')}</span>}
      {paused && <span className="mark"><Icon name="pause" size={13} />{t('mark.paused')}</span>}
      {closed && <span className="mark"><Icon name="archive" size={13} />{t('mark.closed')}</span>}
      {holder && <span className="mark"><Icon name="person" size={13} /><bdi>{holder}</bdi></span>}
    </span>
  )
}
