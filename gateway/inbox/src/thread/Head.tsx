import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'wouter'
import type { Conversation, PhoneNumber } from '../data/client'
import { isPaused } from '../data/conversations'
import { useName } from '../format/name'
import { usePhone } from '../format/phone'
import { dateTime, sameDay, time } from '../format/time'
import { useKeys } from '../frame/keys'
import { Avatar } from '../parts/Avatar'
import { Icon } from '../parts/Icon'
import { Menu, MenuAction, MenuChoice, MenuLine } from '../parts/Menu'
import { useAccount } from '../account'
import { useTeam } from '../data/queries'
import { useMemberName } from '../team/useMemberName'
import { useActions } from './useActions'

export function Head({ conversation, number, isPaneOpen, onPane }: {
  conversation: Conversation
  number: PhoneNumber | undefined
  isPaneOpen: boolean
  onPane: () => void
}) {
  const { t } = useTranslation()
  const name = useName()(conversation)
  const phone = usePhone()
  const paused = isPaused(conversation)
  const isActive = conversation.status === 'active'
  const actions = useActions(conversation)
  const holder = useMemberName()(conversation.assigned_to)
  const [, go] = useLocation()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])

  const close = () => {
    actions.close()
    go('/')
  }
  useKeys(isActive ? { pause: paused ? actions.resume : actions.pause, close } : {})

  return (
    <header className="thread-head">
      <Link href="/" className="plain icon-only back" aria-label={t('common.back')}>
        <Icon name="back" />
      </Link>
      <Avatar name={name} seed={conversation.contact_number} />
      <div className="thread-who">
        <h1 id="contact-name" tabIndex={-1} ref={heading}><bdi>{name}</bdi></h1>
        <p className="thread-sub">
          {holder && <span className="mark"><Icon name="person" size={13} /><bdi>{holder}</bdi></span>}
          {conversation.is_blocked && <span className="mark bad">{t('mark.blocked')}</span>}
          {conversation.is_opted_out && <span className="mark">{t('mark.optedOut')}</span>}
          {conversation.wants_human && <span className="mark urgent">{t('mark.human')}</span>}
          {paused && <span className="mark">{pauseWords(t, conversation)}</span>}
          {!isActive && <span className="mark">{t('mark.closed')}</span>}
          {number && <span className="via">{t('thread.via', { number: phone(number.phone_number) })}</span>}
        </p>
      </div>
      <div className="thread-actions">
        {isActive && (
          <button
            className="quiet"
            onClick={paused ? actions.resume : actions.pause}
            title={t(paused ? 'action.resume' : 'action.pause')}
            aria-label={t(paused ? 'action.resume' : 'action.pause')}
          >
            <Icon name={paused ? 'play' : 'pause'} size={18} />
            <span className="wide-only">{t(paused ? 'action.resume' : 'action.pause')}</span>
          </button>
        )}
        <button
          className="plain icon-only"
          aria-pressed={isPaneOpen}
          aria-label={t('action.contact')}
          title={t('action.contact')}
          onClick={onPane}
        >
          <Icon name="person" />
        </button>
        {isActive && (
          <Menu label={t('common.more')} icon={<Icon name="more" />}>
            <AssignChoice conversation={conversation} onAssign={actions.assign} />
            <MenuLine />
            <MenuAction icon="hand" onClick={conversation.wants_human ? actions.unmark : actions.mark}>
              {t(conversation.wants_human ? 'action.unmark' : 'action.mark')}
            </MenuAction>
            <MenuAction icon="archive" onClick={close}>{t('action.close')}</MenuAction>
            <MenuAction
              icon="block"
              isDanger={!conversation.is_blocked}
              onClick={conversation.is_blocked ? actions.unblock : actions.block}
            >
              {t(conversation.is_blocked ? 'action.unblock' : 'action.block')}
            </MenuAction>
          </Menu>
        )}
      </div>
    </header>
  )
}

/** Who answers it: nobody yet, or one of the team. Alone there is nothing to choose. */
function AssignChoice({ conversation, onAssign }: {
  conversation: Conversation
  onAssign: (member: string | null) => void
}) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: team = [] } = useTeam(account)
  const name = useMemberName()
  const members = team.map((one) => [one.member_id, name(one.member_id) ?? one.email])
  return (
    <MenuChoice
      label={t('action.assign')}
      value={conversation.assigned_to ?? ''}
      options={Object.fromEntries([['', t('action.nobody')], ...members])}
      onChange={(member) => onAssign(member || null)}
    />
  )
}

function pauseWords(t: ReturnType<typeof useTranslation>['t'], { auto_reply, paused_until }: Conversation) {
  if (!auto_reply || !paused_until) return t('mark.paused')
  const isToday = sameDay(paused_until, new Date().toISOString())
  return t('mark.pausedUntil', { time: isToday ? time(paused_until) : dateTime(paused_until) })
}
