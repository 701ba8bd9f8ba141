import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { eraseContact } from '../data/contacts'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { Dialog } from '../parts/Dialog'
import { Icon } from '../parts/Icon'

/** For the owner alone: it cannot be undone, so the last digits are typed first. */
export function Erase({ account, contact, name }: { account: string; contact: string; name: string }) {
  const { t } = useTranslation()
  const { role } = useAccount()
  const [isOpen, setOpen] = useState(false)
  const [typed, setTyped] = useState('')
  const [problem, setProblem] = useState('')
  const ending = contact.slice(-4)
  if (role !== 'owner' || contact.startsWith('forgotten:')) return null

  async function erase() {
    try {
      await eraseContact(account, contact)
      setOpen(false)
      await queries.resetQueries() // what was read before holds what is erased now
    } catch (error) {
      setProblem(sentence(error))
    }
  }

  return (
    <>
      <button className="quiet danger" onClick={() => setOpen(true)}>
        <Icon name="trash" size={16} />{t('contact.erase')}
      </button>
      <Dialog title={t('contact.eraseTitle')} isOpen={isOpen} onClose={() => setOpen(false)}>
        <p><bdi>{t('contact.eraseLead', { name })}</bdi></p>
        <label className="field erase-field">
          <span>{t('contact.eraseType', { ending })}</span>
          <input value={typed} inputMode="numeric" autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
        </label>
        {problem && <p role="alert" className="problem">{problem}</p>}
        <div className="dialog-actions">
          <button onClick={() => setOpen(false)}>{t('common.cancel')}</button>
          <button className="danger-button" disabled={typed !== ending} onClick={() => void erase()}>
            {t('contact.erase')}
          </button>
        </div>
      </Dialog>
    </>
  )
}
