import { useState } from 'react'

const KEY = 'inbox.draft.'

/** What was typed into a conversation and not yet sent; it survives leaving and reloading. */
export function useDraft(conversationId: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => localStorage.getItem(KEY + conversationId) ?? '')

  function change(next: string) {
    setText(next)
    if (next) localStorage.setItem(KEY + conversationId, next)
    else localStorage.removeItem(KEY + conversationId)
  }

  return [text, change]
}
