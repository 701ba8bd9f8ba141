import { isAuthError } from '@supabase/supabase-js'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { supabase } from '../data/client'
import { invitationInAddress } from './invitation'

type Way = 'password' | 'link' | 'reset' | 'new'

export function SignIn() {
  const { t } = useTranslation()
  const [way, setWay] = useState<Way>(() => 'password')
  const [email, setEmail] = useState('')
  const [problem, setProblem] = useState(() => (linkFailed() ? t('signIn.expired') : ''))
  const [isSent, setSent] = useState(false)
  const [isBusy, setBusy] = useState(false)

  function turnTo(next: Way) {
    setWay(next)
    setProblem('')
    setSent(false)
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const password = String(new FormData(event.currentTarget).get('password') ?? '')
    setBusy(true)
    setProblem('')
    const { error } = await start(way, email, password)
    setBusy(false)
    if (error) setProblem(t(reason(error)))
    else setSent(way !== 'password')
  }

  return (
    <main className="sign-in">
      <form className="card" onSubmit={submit}>
        <img className="logo" src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width={48} height={48} />
        <h1>{t(TITLE[way])}</h1>
        <p className="lead">{t(invitationInAddress.isThere() ? 'signIn.invited' : 'signIn.lead')}</p>
        <label className="field">
          <span>{t('signIn.email')}</span>
          <input
            name="email"
            type="email"
            autoComplete="username"
            required
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        </label>
        {(way === 'password' || way === 'new') && (
          <label className="field">
            <span>{t('signIn.password')}</span>
            <input
              name="password"
              type="password"
              autoComplete={way === 'password' ? 'current-password' : 'new-password'}
              minLength={way === 'new' ? 8 : undefined}
              required
            />
          </label>
        )}
        {problem && <p role="alert" className="problem">{problem}</p>}
        {isSent && <p role="status" className="good">{t('signIn.linkSent', { email })}</p>}
        <button className="primary wide" disabled={isBusy}>
          {t(SUBMIT[way])}
        </button>
        <div className="sign-in-ways">
          {invitationInAddress.isThere() && way !== 'new' && (
            <button type="button" className="plain" onClick={() => turnTo('new')}>{t('signIn.create')}</button>
          )}
          {way === 'password' ? (
            <>
              <button type="button" className="plain" onClick={() => turnTo('link')}>{t('signIn.byLink')}</button>
              <button type="button" className="plain" onClick={() => turnTo('reset')}>{t('signIn.forgot')}</button>
            </>
          ) : (
            <button type="button" className="plain" onClick={() => turnTo('password')}>{t('signIn.byPassword')}</button>
          )}
        </div>
      </form>
    </main>
  )
}

const TITLE = {
  password: 'signIn.title',
  link: 'signIn.title',
  reset: 'signIn.forgot',
  new: 'signIn.create',
} as const
const SUBMIT = {
  password: 'signIn.submit',
  link: 'signIn.sendLink',
  reset: 'signIn.reset',
  new: 'signIn.create',
} as const

function start(way: Way, email: string, password: string) {
  const here = new URL(import.meta.env.BASE_URL, window.location.href).href
  if (way === 'password') return supabase.auth.signInWithPassword({ email, password })
  if (way === 'new') return supabase.auth.signUp({ email, password, options: { emailRedirectTo: here } })
  if (way === 'reset') return supabase.auth.resetPasswordForEmail(email, { redirectTo: here })
  return supabase.auth.signInWithOtp({
    email,
    options: { emailRedirectTo: here, shouldCreateUser: false },
  })
}

/** A link that was used already comes back with the error in the address. */
function linkFailed(): boolean {
  const { search, hash } = window.location
  return [search, hash].some((part) => new URLSearchParams(part.slice(1)).has('error_code'))
}

const REASONS = {
  invalid_credentials: 'signIn.wrong',
  email_not_confirmed: 'signIn.unconfirmed',
  over_request_rate_limit: 'signIn.tooMany',
  over_email_send_rate_limit: 'signIn.tooMany',
  weak_password: 'signIn.weak',
  otp_expired: 'signIn.expired',
  otp_disabled: 'signIn.signup',
  user_not_found: 'signIn.signup',
  user_already_exists: 'signIn.exists',
  signup_disabled: 'signIn.signup',
} as const

export function reason(error: Error) {
  if (!isAuthError(error)) return 'signIn.unknown' as const
  if (error.name === 'AuthRetryableFetchError') return 'signIn.offline' as const
  if (error.status === 429) return 'signIn.tooMany' as const
  const known = REASONS[error.code as keyof typeof REASONS]
  if (known) return known
  return error.status === 400 ? ('signIn.wrong' as const) : ('signIn.unknown' as const)
}
