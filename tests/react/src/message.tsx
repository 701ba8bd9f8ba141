import type { ErrorCode, Message } from './api'
import { day, time } from './time'

/** A text on its way to the database: what was typed, and why it did not arrive. */
export type Pending = { clientRef: string; content: string; problem: string }

const AUTHORS: Record<string, string> = { human: 'You', ai: 'AI', system: 'Automatic' }
const STATUSES: Record<string, string> = {
  queued: 'Queued',
  sending: 'Sending',
  accepted: 'Sending',
  unknown: 'Checking',
  sent: 'Sent',
  delivered: '✓ Delivered',
  partially_delivered: 'Partly delivered',
  read: '✓ Read',
  canceled: 'Canceled',
  blocked: 'Not sent',
  failed: 'Failed',
  undelivered: 'Not delivered',
}
const PROBLEMS = ['blocked', 'failed', 'undelivered', 'canceled']

// The rules that block a text, where Twilio has no code for it.
const RULES: Record<string, string> = {
  closed: 'The conversation was closed.',
  paused: 'A person took over.',
  loop: 'Another machine seems to answer.',
  cap: 'The limit of AI replies is reached.',
}
const OPTED_OUT = 21610 // https://www.twilio.com/docs/api/errors/21610

export function Bubble({ message, before, codes }: {
  message: Message
  before: Message | undefined
  codes: ErrorCode[]
}) {
  const { direction, author, status, message_content, media, occurred_at } = message
  const isProblem = PROBLEMS.includes(status)
  const attachments = Array.isArray(media) ? media.length : 0

  return (
    <>
      {day(occurred_at) !== (before && day(before.occurred_at)) && (
        <li className="day">{day(occurred_at)}</li>
      )}
      <li className={`${direction} ${author} ${isProblem ? 'bad' : ''}`}>
        <p className="bubble">
          {message_content}
          {attachments > 0 && <em> 📎 {attachments}</em>}
        </p>
        <p className="meta">
          {AUTHORS[author] && `${AUTHORS[author]} · `}
          <time dateTime={occurred_at}>{time(occurred_at)}</time>
          {STATUSES[status] && <> · <b>{STATUSES[status]}</b></>}
        </p>
        {isProblem && <p className="why">{reason(message, codes)}</p>}
      </li>
    </>
  )
}

function reason({ error_code, error_message }: Message, codes: ErrorCode[]): string {
  const code = error_message === 'opted_out' ? OPTED_OUT : error_code
  const known = codes.find((one) => one.code === code)
  if (known) return `${known.meaning}. ${known.hint}`
  return RULES[error_message ?? ''] ?? error_message ?? ''
}

export function Draft({ text, onRetry, onRemove }: {
  text: Pending
  onRetry: () => void
  onRemove: () => void
}) {
  return (
    <li className={`outgoing human ${text.problem ? 'bad' : 'draft'}`}>
      <p className="bubble">{text.content}</p>
      {text.problem ? (
        <>
          <p className="why" role="alert">{text.problem}</p>
          <p className="meta">
            <button onClick={onRetry}>Try again</button> <button onClick={onRemove}>Remove</button>
          </p>
        </>
      ) : (
        <p className="meta">You · Sending</p>
      )}
    </li>
  )
}
