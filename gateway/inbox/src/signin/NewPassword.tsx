import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { supabase } from '../data/client'
import { reason } from './SignIn'

/** After the link of a reset: the session is there, the password is not. */
export function NewPassword({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation()
  const [problem, setProblem] = useState('')

  async function store(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const password = String(new FormData(event.currentTarget).get('password') ?? '')
    const { error } = await supabase.auth.updateUser({ password })
    if (error) setProblem(t(reason(error)))
    else onDone()
  }

  return (
    <main className="sign-in">
      <form className="card" onSubmit={store}>
        <h1>{t('signIn.setPassword')}</h1>
        <p className="lead">{t('signIn.setPasswordLead')}</p>
        <label className="field">
          <span>{t('signIn.newPassword')}</span>
          <input name="password" type="password" autoComplete="new-password" minLength={8} required autoFocus />
        </label>
        {problem && <p role="alert" className="problem">{problem}</p>}
        <button className="primary wide">{t('signIn.store')}</button>
      </form>
    </main>
  )
}
