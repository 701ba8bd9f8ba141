// Dates as the browser's language writes them.

export function time(at: string): string {
  return new Date(at).toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' })
}

export function day(at: string): string {
  return new Date(at).toLocaleDateString([], { weekday: 'short', day: 'numeric', month: 'short' })
}

/** The time when it is today, else the day. */
export function moment(at: string): string {
  const isToday = new Date(at).toDateString() === new Date().toDateString()
  return isToday ? time(at) : day(at)
}
