import type { Session, User } from '@supabase/supabase-js'
import { type FormEvent, useEffect, useState, useSyncExternalStore } from 'react'
import { supabase } from './api'
import { Inbox } from './inbox'
import { useLive } from './live'
import { Stats } from './stats'
import { Thread } from './thread'

export function App() {
  const [session, setSession] = useState<Session | null>()

  useEffect(() => {
    const { data } = supabase.auth.onAuthStateChange((_, now) => setSession(now))
    return () => data.subscription.unsubscribe()
  }, [])

  if (session === undefined) return null
  return session ? <Home key={session.user.id} user={session.user} /> : <SignIn />
}

function SignIn() {
  const [problem, setProblem] = useState('')
  const [waits, setWaits] = useState(false)

  async function signIn(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setWaits(true)
    const { error } = await supabase.auth.signInWithPassword({
      email: String(form.get('email')),
      password: String(form.get('password')),
    })
    setWaits(false)
    setProblem(error ? error.message : '')
  }

  return (
    <main className="sign-in">
      <form onSubmit={signIn}>
        <h1>Text messages</h1>
        <label>
          E-mail
          <input name="email" type="email" autoComplete="username" required autoFocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        {problem && <p role="alert" className="problem">{problem}</p>}
        <button className="primary" disabled={waits}>Sign in</button>
      </form>
    </main>
  )
}

/** The address says what is open: #<conversation id>, #stats or nothing. */
function Home({ user }: { user: User }) {
  const turn = useLive(user.id)
  const open = useSyncExternalStore(onHashChange, () => window.location.hash.slice(1))

  return (
    <div className={open ? 'home open' : 'home'}>
      <header className="top">
        <h1><a href="#">Text messages</a></h1>
        <a href="#stats">Statistics</a>
        <button onClick={signOut} title={user.email}>Sign out</button>
      </header>
      <Inbox turn={turn} open={open} />
      <main>
        {open && open !== 'stats' ? <Thread key={open} id={open} turn={turn} /> : <Stats turn={turn} />}
      </main>
    </div>
  )
}

async function signOut() {
  window.location.hash = ''
  await supabase.auth.signOut()
}

function onHashChange(changed: () => void) {
  window.addEventListener('hashchange', changed)
  return () => window.removeEventListener('hashchange', changed)
}
