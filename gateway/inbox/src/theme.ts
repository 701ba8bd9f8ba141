export type Theme = 'system' | 'light' | 'dark'
/** For what is drawn in colours of its own. */
export const THEME_CHANGED = 'inbox-theme'
const CHOICE = 'inbox.theme'

export function theme(): Theme {
  const chosen = localStorage.getItem(CHOICE)
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

export function setTheme(chosen: Theme): void {
  localStorage.setItem(CHOICE, chosen)
  applyTheme()
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme()
  window.dispatchEvent(new Event(THEME_CHANGED))
}
