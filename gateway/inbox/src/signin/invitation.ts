// An invitation is a link with its id. Signing in may lead through an e-mail and back, so the id is
// kept until somebody is signed in.
const KEY = 'inbox.invitation'

export const invitationInAddress = {
  /** When the page is opened: out of the address, into this tab. */
  keep(): void {
    const address = new URL(window.location.href)
    const id = address.searchParams.get('invitation')
    if (!id) return
    localStorage.setItem(KEY, id)
    address.searchParams.delete('invitation')
    window.history.replaceState(null, '', address)
  },
  isThere: (): boolean => localStorage.getItem(KEY) !== null,
  /** Once. */
  take(): string | null {
    const id = localStorage.getItem(KEY)
    localStorage.removeItem(KEY)
    return id
  },
}

export function invitationLink(id: string): string {
  return new URL(`${import.meta.env.BASE_URL}?invitation=${id}`, window.location.href).href
}
