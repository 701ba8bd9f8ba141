// Keyboard shortcuts: a key reaches whoever listens for its name, unless somebody is typing.
import { useEffect, useRef } from 'react'

export const KEYS = {
  next: ['j', 'ArrowDown'],
  previous: ['k', 'ArrowUp'],
  search: ['/'],
  reply: ['r'],
  pause: ['p'],
  close: ['e'],
  contact: ['i'],
  undo: ['z'],
  back: ['Escape'],
  conversations: ['g c'],
  statistics: ['g s'],
  knowledge: ['g k'],
  numbers: ['g n'],
  alerts: ['g a'],
  team: ['g t'],
  help: ['?'],
} as const
export type KeyName = keyof typeof KEYS

const TWO_KEYS_MS = 1200

/** Calls the function of the key that was pressed. */
export function useKeys(actions: Partial<Record<KeyName, () => void>>): void {
  const newest = useRef(actions)
  newest.current = actions

  useEffect(() => {
    let first: { key: string; at: number } | undefined

    function press(event: KeyboardEvent) {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
      if (isTyping(event.target) || document.querySelector('[role=dialog],[role=menu]')) return
      const typed = first && Date.now() - first.at < TWO_KEYS_MS ? `${first.key} ${event.key}` : event.key
      first = event.key === 'g' ? { key: 'g', at: Date.now() } : undefined
      const names = Object.keys(newest.current) as KeyName[]
      const name = names.find((one) => (KEYS[one] as readonly string[]).includes(typed))
      if (!name) return
      if (event.key.startsWith('Arrow') && isScrolling(event.target)) return
      event.preventDefault()
      newest.current[name]?.()
    }

    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement
    && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
}

function isScrolling(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.getAttribute('role') === 'log'
}
