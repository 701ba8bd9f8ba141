import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import type { Conversation, PhoneNumber } from '../data/client'
import { useOfContact } from '../data/queries'
import { useName } from '../format/name'
import { country, usePhone } from '../format/phone'
import { dateTime, moment } from '../format/time'
import { Avatar } from '../parts/Avatar'
import { CopyButton } from '../parts/Copy'
import { Dialog } from '../parts/Dialog'

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
  const { data } = useOfContact(account, contact)
  const others = data?.filter((one) => one.id !== conversation.id) ?? []
  const code = country(contact)

  return (
    <div className="contact-facts">
      <div className="contact-top">
        <Avatar name={name} seed={contact} size="large" />
        <p className="contact-name"><bdi>{name}</bdi></p>
        <CopyButton text={contact} label={t('contact.copyNumber')} />
      </div>
      <dl className="facts">
        {code && <Fact name={t('contact.country')} value={countryName(code, i18n.language)} />}
        {number && <Fact name={t('contact.via')} value={phone(number.phone_number)} />}
        <Fact name={t('contact.since')} value={dateTime(conversation.created_at)} />
        <Fact name={t('contact.last')} value={dateTime(conversation.last_message_at)} />
      </dl>
      <h2>{t('contact.others')}</h2>
      {others.length === 0 && <p className="quiet-words">{t('contact.noOthers')}</p>}
      <ul className="other-conversations">
        {others.map((one) => (
          <li key={one.id}>
            <Link href={`/${one.id}`} onClick={onClose}>
              <span>{moment(one.last_message_at)}</span>
              <bdi>{one.message_content}</bdi>
            </Link>
          </li>
        ))}
      </ul>
    </div>
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
