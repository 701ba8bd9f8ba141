import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation } from 'wouter'
import type { PhoneNumber } from '../data/client'
import { type Changes, startReplay } from '../data/replays'
import { sentence } from '../errors'
import { count } from '../format/time'
import { Dialog } from '../parts/Dialog'
import { useChangedNames } from './useChangedNames'

const DAYS = [1, 7, 30]
const LIMITS = [20, 50, 200]

/** Asks which past replies are asked for again, with the settings as typed and a model. */
export function Start({ number, changes, onClose }: {
  number: PhoneNumber
  changes: Changes
  onClose: () => void
}) {
  const { t } = useTranslation()
  const [, go] = useLocation()
  const [problem, setProblem] = useState('')
  const [model, setModel] = useState(changes.openai_model ?? number.openai_model)
  const changedNames = useChangedNames()
  const { openai_model: _, ...others } = changes
  const all: Changes = model.trim() === number.openai_model ? others : { ...others, openai_model: model.trim() }

  async function start(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    try {
      go(`/numbers/replays/${await startReplay(number.id, all, Number(form.get('days')), Number(form.get('limit')))}`)
    } catch (error) {
      setProblem(sentence(error))
    }
  }

  return (
    <Dialog title={t('replay.new')} isOpen onClose={onClose}>
      <form className="editor" onSubmit={start}>
        <p>{t('replay.newLead')}</p>
        <label className="field">
          <span>{t('numbers.field.openai_model.name')}</span>
          <input value={model} required maxLength={100} autoComplete="off" onChange={(event) => setModel(event.target.value)} />
        </label>
        <div className="in-a-row">
          <label className="field grows">
            <span>{t('replay.since')}</span>
            <select name="days" defaultValue={7}>
              {DAYS.map((days) => <option key={days} value={days}>{t('replay.days', { count: days })}</option>)}
            </select>
          </label>
          <label className="field grows">
            <span>{t('replay.most')}</span>
            <select name="limit" defaultValue={50}>
              {LIMITS.map((limit) => <option key={limit} value={limit}>{count(limit)}</option>)}
            </select>
          </label>
        </div>
        <p className="quiet-words">{t('replay.changed')} <bdi>{changedNames(all)}</bdi></p>
        {problem && <p role="alert" className="problem">{problem}</p>}
        <div className="dialog-actions">
          <button type="button" onClick={onClose}>{t('common.cancel')}</button>
          <button className="primary">{t('replay.start')}</button>
        </div>
      </form>
    </Dialog>
  )
}
