import { type FormEvent, type KeyboardEvent, useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useAccount } from '../account'
import type { Conversation, Message, PhoneNumber, Tables } from '../data/client'
import { EVERY_NUMBER } from '../data/contacts'
import { useOfContact, useOptOuts } from '../data/queries'
import { useKeys } from '../frame/keys'
import { Icon } from '../parts/Icon'
import { MAX_CHARACTERS } from '../segments'
import { Cost } from './Cost'
import { useDraft } from './useDraft'

export function Composer({ conversation, number, messages, onSend }: {
  conversation: Conversation
  number: PhoneNumber | undefined
  messages: Message[]
  onSend: (content: string) => void
}) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: optOuts } = useOptOuts(account, conversation.contact_number)
  if (conversation.status === 'closed') return <Closed conversation={conversation} />
  if (isOptedOut(optOuts ?? [], number)) {
    return <p className="composer-note" role="status">{t('composer.optedOut')}</p>
  }
  return (
    <>
      {conversation.is_blocked && (
        <p className="composer-note" role="status">{t('composer.blocked')}</p>
      )}
      <Box id={conversation.id} messages={messages} onSend={onSend} />
    </>
  )
}

/** What was said last counts, be it for all numbers or for this one: as sms.is_opted_out. */
export function isOptedOut(optOuts: Tables<'sms_opt_outs'>[], number: PhoneNumber | undefined): boolean {
  const last = optOuts.find(
    (one) => one.phone_number === EVERY_NUMBER || one.phone_number === number?.phone_number,
  )
  return last?.opted_out ?? false
}

function Box({ id, messages, onSend }: {
  id: string
  messages: Message[]
  onSend: (content: string) => void
}) {
  const { t } = useTranslation()
  const [text, setText] = useDraft(id)
  const box = useRef<HTMLTextAreaElement>(null)
  useKeys({ reply: () => box.current?.focus() })
  const isTooLong = text.length > MAX_CHARACTERS
  const canSend = text.trim() !== '' && !isTooLong

  useEffect(() => fit(box.current), [text])
  useEffect(() => {
    const width = new ResizeObserver(() => fit(box.current))
    if (box.current?.parentElement) width.observe(box.current.parentElement)
    return () => width.disconnect()
  }, [])

  function submit(event: FormEvent) {
    event.preventDefault()
    if (!canSend) return
    setText('')
    onSend(text)
  }

  function sendOnEnter(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === 'Escape') box.current?.blur()
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    if (!isTouched()) submit(event)
  }

  return (
    <form className="composer" onSubmit={submit}>
      <div className="composer-box">
        <textarea
          ref={box}
          aria-label={t('composer.label')}
          aria-describedby="composer-hint"
          placeholder={t('composer.placeholder')}
          rows={1}
          dir="auto"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={sendOnEnter}
        />
        <button className="send" disabled={!canSend} aria-label={t('composer.send')} title={t('composer.send')}>
          <Icon name="send" size={20} />
        </button>
      </div>
      <p className="composer-foot" id="composer-hint">
        {text ? <Cost text={text} messages={messages} /> : !isTouched() && t('composer.hint')}
      </p>
    </form>
  )
}

/** As high as what is typed in it. */
function fit(box: HTMLTextAreaElement | null) {
  if (!box) return
  box.style.height = 'auto'
  box.style.height = `${box.scrollHeight}px`
}

/** On a phone Enter begins a line, as everywhere there, and the button sends. */
function isTouched(): boolean {
  return window.matchMedia('(hover: none) and (pointer: coarse)').matches
}

/** Why there is no box, and where the contact can be answered instead. */
function Closed({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data } = useOfContact(account, conversation.contact_number)
  const open = data?.find(
    (one) => one.status === 'active' && one.config_id === conversation.config_id,
  )
  return (
    <div className="composer-note">
      <p>{t('composer.closed')}</p>
      {open && <Link href={`/${open.id}`} className="button">{t('composer.openNewest')}</Link>}
    </div>
  )
}
