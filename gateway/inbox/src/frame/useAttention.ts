// What calls somebody who looks elsewhere: the title counts, the browser notifies.
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { useConversations } from '../data/queries'
import { phone } from '../format/phone'

export function useAttention(): void {
  const { t } = useTranslation()
  const { id: account, user } = useAccount()
  const me = user.id
  const { data: unread } = useConversations({ account, view: 'unread', number: '', me })
  const { data: waiting } = useConversations({ account, view: 'human', number: '', me })
  const told = useRef<Set<string>>(undefined)

  const open = unread?.rows.filter((row) => row.status === 'active').length ?? 0
  useEffect(() => {
    const more = unread?.hasMore ? '+' : ''
    document.title = open ? t('app.unreadTitle', { number: `${open}${more}` }) : t('app.title')
  }, [open, unread?.hasMore, t])

  useEffect(() => {
    if (!waiting) return
    const before = told.current
    told.current = new Set(waiting.rows.map((row) => row.id))
    if (!before || document.visibilityState === 'visible') return
    if (!('Notification' in window) || Notification.permission !== 'granted') return
    for (const row of waiting.rows.filter(({ id }) => !before.has(id))) {
      const name = alone(row.contact_name ?? phone(row.contact_number))
      const note = new Notification(t('notification.title', { name }), {
        body: t('notification.body'),
        tag: row.id,
      })
      note.onclick = () => {
        window.focus()
        window.location.assign(`${import.meta.env.BASE_URL}${row.id}`)
      }
    }
  }, [waiting, t])
}

/** A name that turns the direction of writing turns its own alone: what <bdi> does in the page. */
function alone(name: string): string {
  return `\u2068${name}\u2069`
}
