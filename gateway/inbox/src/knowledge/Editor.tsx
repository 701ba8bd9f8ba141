import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { addDocument, changeDocument, type Document, getContent, removeDocument } from '../data/knowledge'
import { queries, useNumbers } from '../data/queries'
import { sentence } from '../errors'
import { usePhone } from '../format/phone'
import { Dialog } from '../parts/Dialog'
import { languageName, languageOfPage, LANGUAGES } from './languages'

const MOST_CHARACTERS = 100_000

/** One document, or a new one. */
export function Editor({ document, onClose }: { document: Document | undefined; onClose: () => void }) {
  const { t } = useTranslation()
  const { data: content, error } = useQuery({
    queryKey: ['content', document?.id],
    queryFn: () => getContent(document?.id ?? ''),
    enabled: document !== undefined,
    gcTime: 0,
  })

  return (
    <Dialog title={t(document ? 'knowledge.edit' : 'knowledge.new')} isOpen onClose={onClose} kind="large">
      {error && <p role="alert" className="problem">{sentence(error)}</p>}
      {(!document || content !== undefined) && (
        <Fields document={document} content={content ?? ''} onClose={onClose} />
      )}
    </Dialog>
  )
}

function Fields({ document, content, onClose }: {
  document: Document | undefined
  content: string
  onClose: () => void
}) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const [problem, setProblem] = useState('')

  async function run(work: Promise<void>) {
    try {
      await work
      onClose()
    } catch (error) {
      setProblem(sentence(error))
    }
    await queries.invalidateQueries({ queryKey: ['documents'] })
  }

  function store(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '')
    const values = {
      title: text('title'),
      content: text('content'),
      language: text('language'),
      enabled: form.has('enabled'),
    }
    void run(document
      ? changeDocument(document.id, values)
      : addDocument({ ...values, user_id: account, config_id: text('number') || null }))
  }

  return (
    <form className="editor" onSubmit={store}>
      <label className="field">
        <span>{t('knowledge.name')}</span>
        <input name="title" defaultValue={document?.title} maxLength={200} required autoComplete="off" dir="auto" />
      </label>
      <label className="field">
        <span>{t('knowledge.content')}</span>
        <textarea name="content" defaultValue={content} maxLength={MOST_CHARACTERS} rows={12} required dir="auto" aria-describedby="content-hint" />
      </label>
      <p className="quiet-words" id="content-hint">{t('knowledge.contentHint')}</p>
      <div className="in-a-row">
        {!document && <NumberChoice />}
        <label className="field">
          <span>{t('account.language')}</span>
          <select name="language" defaultValue={document?.language ?? languageOfPage()}>
            {Object.keys(LANGUAGES).map((name) => (
              <option key={name} value={name}>{languageName(name) ?? t('knowledge.anyLanguage')}</option>
            ))}
          </select>
        </label>
        <label className="check">
          <input type="checkbox" name="enabled" defaultChecked={document?.enabled ?? true} />
          {t('knowledge.on')}
        </label>
      </div>
      {problem && <p role="alert" className="problem">{problem}</p>}
      <div className="dialog-actions">
        {document && (
          <button type="button" className="quiet danger apart" onClick={() => void run(removeDocument(document.id))}>
            {t('knowledge.remove')}
          </button>
        )}
        <button type="button" onClick={onClose}>{t('common.cancel')}</button>
        <button className="primary">{t('common.save')}</button>
      </div>
    </form>
  )
}

function NumberChoice() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: numbers = [] } = useNumbers(account)
  const phone = usePhone()
  return (
    <label className="field">
      <span>{t('list.number')}</span>
      <select name="number">
        <option value="">{t('list.allNumbers')}</option>
        {numbers.map((one) => <option key={one.id} value={one.id}>{phone(one.phone_number)}</option>)}
      </select>
    </label>
  )
}
