import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { addTarget, EVENT_TYPES } from '../data/alerts'
import { queries, useNumbers } from '../data/queries'
import { sentence } from '../errors'
import { usePhone } from '../format/phone'
import { CopyButton } from '../parts/Copy'
import { Dialog } from '../parts/Dialog'
import { eventName } from './eventName'

/** A new target; a webhook's secret is shown once, here. */
export function NewTarget({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const [secret, setSecret] = useState('')
  const [problem, setProblem] = useState('')
  const [kind, setKind] = useState('sms')

  async function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '').trim()
    try {
      const made = await addTarget(account, {
        kind,
        address: kind === 'sms' ? text('address').replace(/[^+\d]/g, '') : text('address'),
        types: form.getAll('type').map(String),
        number: text('number'),
        withContent: form.has('content'),
      })
      await queries.invalidateQueries({ queryKey: ['targets'] })
      if (kind === 'webhook' && made) setSecret(made)
      else onClose()
    } catch (error) {
      setProblem(sentence(error))
    }
  }

  return (
    <Dialog title={t('alerts.new')} isOpen onClose={onClose} kind="large">
      {secret ? (
        <>
          <p>{t('alerts.secretLead')}</p>
          <p className="command"><code>{secret}</code><CopyButton text={secret} /></p>
        </>
      ) : (
        <form className="editor" onSubmit={add}>
          <label className="field">
            <span>{t('alerts.kind')}</span>
            <select value={kind} onChange={(event) => setKind(event.target.value)}>
              <option value="sms">{t('alerts.sms')}</option>
              <option value="webhook">{t('alerts.webhook')}</option>
            </select>
          </label>
          <Address kind={kind} />
          <fieldset className="events">
            <legend>{t('alerts.events')}</legend>
            {EVENT_TYPES.map((type) => (
              <label key={type} className="check">
                <input type="checkbox" name="type" value={type} defaultChecked={type === 'human.requested'} />
                {eventName(t, type)}
              </label>
            ))}
          </fieldset>
          {problem && <p role="alert" className="problem">{problem}</p>}
          <div className="dialog-actions">
            <button type="button" onClick={onClose}>{t('common.cancel')}</button>
            <button className="primary">{t('common.save')}</button>
          </div>
        </form>
      )}
    </Dialog>
  )
}

function Address({ kind }: { kind: string }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: numbers = [] } = useNumbers(account)
  const phone = usePhone()
  if (kind === 'webhook') {
    return (
      <>
        <label className="field">
          <span>{t('alerts.address')}</span>
          <input name="address" type="url" required placeholder="https://" autoComplete="off" />
        </label>
        <label className="check"><input type="checkbox" name="content" />{t('alerts.withContent')}</label>
      </>
    )
  }
  return (
    <div className="in-a-row">
      <label className="field grows">
        <span>{t('alerts.staffNumber')}</span>
        <input name="address" type="tel" required placeholder="+34 600 000 000" autoComplete="off" />
      </label>
      <label className="field">
        <span>{t('alerts.from')}</span>
        <select name="number" required>
          {numbers.map((one) => <option key={one.id} value={one.id}>{phone(one.phone_number)}</option>)}
        </select>
      </label>
    </div>
  )
}
