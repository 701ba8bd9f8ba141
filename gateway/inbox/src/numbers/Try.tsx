import { type FormEvent, type KeyboardEvent, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { PhoneNumber } from '../data/client'
import type { Changes } from '../data/replays'
import { TryAnswer } from './TryAnswer'
import { useTry } from './useTry'
import './try.css'

/** What the number would answer, with the settings as they stand in the form. */
export function Try({ number, changes }: { number: PhoneNumber; changes: Changes }) {
  const { t } = useTranslation()
  const { asked, replay, isWaiting, isLate, problem, ask, stop } = useTry(number.id)
  const form = useRef<HTMLFormElement>(null)

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const message = String(new FormData(event.currentTarget).get('message') ?? '').trim()
    if (message && !isWaiting) void ask(message, changes)
  }

  function submitOnEnter(event: KeyboardEvent) {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    form.current?.requestSubmit()
  }

  return (
    <section className="card-block try" aria-labelledby="try">
      <h2 id="try">{t('try.title')}</h2>
      <p className="quiet-words">{t('try.lead')}</p>
      <form ref={form} className="try-form" onSubmit={submit}>
        <label className="field">
          <span>{t('try.message')}</span>
          <textarea name="message" rows={2} required maxLength={1600} dir="auto" onKeyDown={submitOnEnter} />
        </label>
        <button className="primary" aria-disabled={isWaiting}>{t('try.submit')}</button>
      </form>
      {problem && <p role="alert" className="problem">{problem}</p>}
      <div className="try-result" role="status">
        {asked && (
          <>
            <div className="message incoming contact"><p className="bubble" dir="auto">{asked.message}</p></div>
            {isWaiting
              ? <Waiting until={replay?.is_suspended ? replay.suspended_until : null} isLate={isLate} />
              : replay && <TryAnswer replay={replay} number={number} changes={asked.changes} />}
          </>
        )}
      </div>
      {asked && isWaiting && <button className="quiet" onClick={() => void stop()}>{t('try.stop')}</button>}
    </section>
  )
}

function Waiting({ until, isLate }: { until: string | null; isLate: boolean }) {
  const { t } = useTranslation()
  return (
    <>
      <div className="message outgoing ai">
        <span className="dots" aria-hidden="true"><i /><i /><i /></span>
        <span className="unseen">{t('try.waiting')}</span>
      </div>
      {until && <p className="try-note">{t('try.suspended')}</p>}
      {isLate && !until && <p className="try-note">{t('try.late')}</p>}
    </>
  )
}
