import { useCallback, useState } from 'react'
import type { Message } from '../data/client'
import { sendMessage } from '../data/messages'
import { queries } from '../data/queries'
import { sentence } from '../errors'

/** A message on its way to the database: what was typed, and why it did not arrive. */
export type Unsaved = { clientRef: string; content: string; problem: string }

export type Outbox = {
  unsaved: Unsaved[]
  send: (content: string) => void
  sendAgain: (message: Unsaved) => void
  remove: (message: Unsaved) => void
}

/** Of one conversation. It outlives the component: leaving a thread loses no message. */
export function useOutbox(conversationId: string, messages: Message[]): Outbox {
  const key = ['outbox', conversationId]
  const [all, setShown] = useState<Unsaved[]>(() => queries.getQueryData(key) ?? [])
  const arrived = new Set(messages.map((message) => message.client_ref))

  const change = useCallback((edit: (all: Unsaved[]) => Unsaved[]) => {
    const next = edit(queries.getQueryData<Unsaved[]>(key) ?? [])
    queries.setQueryDefaults(['outbox'], { gcTime: Infinity })
    queries.setQueryData(key, next)
    setShown(next)
  }, [conversationId])

  // The row is not taken from the answer: one that came before it would be skipped by catching up.
  const put = useCallback(async (message: Unsaved) => {
    const others = (now: Unsaved[]) => now.filter((one) => one.clientRef !== message.clientRef)
    change((now) => [...others(now), { ...message, problem: '' }])
    try {
      await sendMessage(conversationId, message.content, message.clientRef)
      await queries.invalidateQueries({ queryKey: ['messages', conversationId] })
      change(others)
    } catch (error) {
      change((now) => [...others(now), { ...message, problem: sentence(error) }])
    }
  }, [change, conversationId])

  return {
    unsaved: all.filter((message) => !arrived.has(message.clientRef)),
    send: (content) => void put({ clientRef: crypto.randomUUID(), content, problem: '' }),
    sendAgain: (message) => void put(message),
    remove: (message) => change((now) => now.filter((one) => one.clientRef !== message.clientRef)),
  }
}
