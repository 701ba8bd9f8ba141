import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import type { Conversation, PhoneNumber } from '../data/client'
import { EVERY_NUMBER } from '../data/contacts'
import { useContact, useOfContact, useOptOuts } from '../data/queries'
import { useName } from '../format/name'
import { country, usePhone } from '../format/phone'
import { dateTime, moment } from '../format/time'
import { Avatar } from '../parts/Avatar'
import { CopyButton } from '../parts/Copy'
import { Dialog } from '../parts/Dialog'
import { Erase } from './Erase'
import { Known } from './Known'

const WIDE = '(min-width: 1180px)'

type Props = {
  account: string
  conversation: Conversation
  number: PhoneNumber | undefined
  isOpen: boolean
  onClose: () => void
}

/** Beside the thread where there is room, else a window over it. */
export function ContactPane(props: Props) {
  const { t } = useTranslation()
  const isWide = useIsWide()
  if (isWide) {
    return props.isOpen && (
      <section className="contact-pane" aria-label={t('contact.title')} tabIndex={-1}>
        <ContactFacts {...props} />
      </section>
    )
  }
  return (
    <Dialog title={t('contact.title')} isOpen={props.isOpen} onClose={props.onClose} kind="side">
      <ContactFacts {...props} />
    </Dialog>
  )
}

function ContactFacts({ account, conversation, number, onClose }: Props) {
  const { t, i18n } = useTranslation()
  const phone = usePhone()
  const name = useName()(conversation)
  const { contact_number: contact } = conversation
  const { data: known } = useContact(account, contact)
  const code = country(contact)

  return (
    <div className="contact-facts">
      <div className="contact-top">
        <Avatar name={name} seed={contact} size="large" />
        <p className="contact-name"><bdi>{name}</bdi></p>
        {conversation.contact_name && <p className="quiet-words">{phone(contact)}</p>}
        <CopyButton text={contact} label={t('contact.copyNumber')} />
      </div>
      {known && <Known key={contact} account={account} contact={known} />}
      <dl className="facts">
        {code && <Fact name={t('contact.country')} value={countryName(code, i18n.language)} />}
        {number && <Fact name={t('contact.via')} value={phone(number.phone_number)} />}
        <Fact name={t('contact.since')} value={dateTime(conversation.created_at)} />
        <Fact name={t('contact.last')} value={dateTime(conversation.last_message_at)} />
      </dl>
      <OptOuts account={account} contact={contact} />
      <Others account={account} conversation={conversation} onOpen={onClose} />
      <Erase account={account} contact={contact} name={name} />
    </div>
  )
}

function OptOuts({ account, contact }: { account: string; contact: string }) {
  const { t } = useTranslation()
  const phone = usePhone()
  const { data = [] } = useOptOuts(account, contact)
  if (data.length === 0) return null
  return (
    <section aria-labelledby="opt-outs">
      <h2 id="opt-outs">{t('contact.optOuts')}</h2>
      <ul className="history">
        {data.map((one) => (
          <li key={one.phone_number}>
            <span>{t(one.opted_out ? 'contact.optedOut' : 'contact.optedIn')}</span>
            <span className="quiet-words">
              {dateTime(one.changed_at)} · {one.phone_number === EVERY_NUMBER ? t('list.allNumbers') : phone(one.phone_number)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Others({ account, conversation, onOpen }: {
  account: string
  conversation: Conversation
  onOpen: () => void
}) {
  const { t } = useTranslation()
  const { data } = useOfContact(account, conversation.contact_number)
  const others = data?.filter((one) => one.id !== conversation.id) ?? []
  return (
    <section aria-labelledby="others">
      <h2 id="others">{t('contact.others')}</h2>
      {others.length === 0 && <p className="quiet-words">{t('contact.noOthers')}</p>}
      <ul className="other-conversations">
        {others.map((one) => (
          <li key={one.id}>
            <Link href={`/${one.id}`} onClick={onOpen}>
              <span>{moment(one.last_message_at)}</span>
              <bdi>{one.message_content}</bdi>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>
}

function countryName(code: string, language: string): string {
  return new Intl.DisplayNames(language, { type: 'region' }).of(code) ?? code
}

function useIsWide(): boolean {
  const [isWide, setWide] = useState(() => window.matchMedia(WIDE).matches)
  useEffect(() => {
    const query = window.matchMedia(WIDE)
    const look = () => setWide(query.matches)
    query.addEventListener('change', look)
    return () => query.removeEventListener('change', look)
  }, [])
  return isWide
}
