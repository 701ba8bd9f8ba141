import type { Session } from '@supabase/supabase-js'
import { useEffect, useState } from 'react'
import { Router } from 'wouter'
import { SignedIn } from './SignedIn'
import { supabase } from './data/client'
import { queries } from './data/queries'
import { UndoProvider } from './parts/Undo'
import { NewPassword } from './signin/NewPassword'
import { SignIn } from './signin/SignIn'

const BASE = import.meta.env.BASE_URL.replace(/\/$/, '')

export function App() {
  const [session, setSession] = useState<Session | null>()
  const [isRecovery, setRecovery] = useState(false)

  useEffect(() => {
    const { data } = supabase.auth.onAuthStateChange((event, now) => {
      if (event === 'PASSWORD_RECOVERY') setRecovery(true)
      if (event === 'SIGNED_OUT') queries.clear()
      setSession((before) => (before?.user.id === now?.user.id && before ? before : now))
    })
    return () => data.subscription.unsubscribe()
  }, [])

  if (session === undefined) return null
  if (!session) return <SignIn />
  if (isRecovery) return <NewPassword onDone={() => setRecovery(false)} />
  return (
    <Router base={BASE}>
      <UndoProvider>
        <SignedIn key={session.user.id} user={session.user} />
      </UndoProvider>
    </Router>
  )
}
