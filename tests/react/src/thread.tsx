import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react'
import {
  closeConversation,
  type Conversation,
  type ErrorCode,
  getConversation,
  listErrorCodes,
  listMessages,
  listMessagesFrom,
  markRead,
  type Message,
  pauseAi,
  resumeAi,
  sendMessage,
  sentence,
} from './api'
import { useAction, useRefresh } from './hooks'
import { isPaused } from './inbox'
import { Bubble, Draft, type Pending } from './message'
import { day, time } from './time'

const FINAL = ['received', 'canceled', 'failed', 'undelivered', 'delivered', 'read', 'blocked']

export function Thread({ id, turn }: { id: string; turn: number }) {
  const [conversation, setConversation] = useState<Conversation | null>()
  const [messages, setMessages] = useState<Message[]>([])
  const [hasOlder, setHasOlder] = useState(false)
  const [pending, setPending] = useState<Pending[]>([])
  const [sent, setSent] = useState(0)
  const [codes, setCodes] = useState<ErrorCode[]>([])
  const [olderProblem, act] = useAction()

  const problem = useRefresh(async () => {
    const found = await getConversation(id)
    setConversation(found)
    if (!found) return
    if (messages.length) add(await listMessagesFrom(id, firstToAsk(messages)))
    else await showPage()
  }, [turn, sent])
  useRefresh(async () => setCodes(await listErrorCodes()), [])
  useMarkRead(turn, conversation, messages)

  function add(some: Message[]) {
    setMessages((all) => merged(all, some))
  }

  async function showPage(beforeId?: number) {
    const page = await listMessages(id, beforeId)
    setHasOlder(page.hasOlder)
    add(page.messages)
  }

  // The row is not taken from the answer: one that came before it would be skipped by catching up.
  async function send(text: Pending) {
    const others = (all: Pending[]) => all.filter((one) => one.clientRef !== text.clientRef)
    setPending((all) => [...others(all), { ...text, problem: '' }])
    try {
      await sendMessage(id, text.content, text.clientRef)
      setSent((count) => count + 1)
    } catch (error) {
      setPending((all) => [...others(all), { ...text, problem: sentence(error) }])
    }
  }

  if (!conversation) {
    const missing = conversation === null ? 'There is no such conversation.' : problem
    return missing && <p role="alert" className="problem">{missing}</p>
  }
  const arrived = messages.map((message) => message.client_ref)
  const drafts = pending.filter((text) => !arrived.includes(text.clientRef))

  return (
    <section className="thread" aria-labelledby="contact">
      <Head conversation={conversation} onChange={setConversation} />
      {problem && <p role="alert" className="problem">{problem}</p>}
      <div className="scroll" role="log" aria-label="Texts" tabIndex={0}>
        <div>
          {olderProblem && <p role="alert" className="problem">{olderProblem}</p>}
          {hasOlder && (
            <button onClick={() => act(() => showPage(messages[0]?.id))}>Older texts</button>
          )}
          <ol>
            {messages.map((message, place) => (
              <Bubble key={message.id} message={message} before={messages[place - 1]} codes={codes} />
            ))}
            {drafts.map((text) => (
              <Draft
                key={text.clientRef}
                text={text}
                onRetry={() => send(text)}
                onRemove={() => setPending((all) => all.filter((one) => one !== text))}
              />
            ))}
          </ol>
        </div>
      </div>
      {conversation.status === 'closed' ? (
        <p className="empty">This conversation is closed. The contact's next text opens a new one.</p>
      ) : (
        <Composer onSend={(content) => send({ clientRef: crypto.randomUUID(), content, problem: '' })} />
      )}
    </section>
  )
}

/** All of them, in order of id; of the same message what `newer` says. */
function merged(older: Message[], newer: Message[]): Message[] {
  const byId = new Map([...older, ...newer].map((message) => [message.id, message]))
  return [...byId.values()].sort((one, other) => one.id - other.id)
}

/** What is new begins after the last message; what changed, at the first one still on its way. */
function firstToAsk(messages: Message[]): number {
  const changing = messages.slice(-50).find((message) => !FINAL.includes(message.status))
  return changing?.id ?? (messages.at(-1)?.id ?? 0) + 1
}

function useMarkRead(turn: number, conversation: Conversation | null | undefined, messages: Message[]) {
  const newest = messages.findLast((message) => message.direction === 'incoming')?.id ?? 0

  useRefresh(async () => {
    if (!conversation || document.visibilityState === 'hidden') return
    if (newest > conversation.read_up_to_id) await markRead(conversation.id, newest)
  }, [turn, conversation, newest])
}

function Head({ conversation, onChange }: {
  conversation: Conversation
  onChange: (now: Conversation | null) => void
}) {
  const { id, contact_number, status } = conversation
  const [problem, act] = useAction()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])

  async function change(action: (id: string) => Promise<void>) {
    await action(id)
    onChange(await getConversation(id))
  }

  return (
    <>
      <header>
        <a className="back" href="#" aria-label="Back to the conversations">‹</a>
        <h2 id="contact" tabIndex={-1} ref={heading}>{contact_number}</h2>
        <p className="marks">
          {conversation.wants_human && <span className="mark urgent">Wants a person</span>}
          {isPaused(conversation) && <span className="mark">{pauseWords(conversation)}</span>}
        </p>
        {status === 'active' && (
          <div className="actions">
            {isPaused(conversation) ? (
              <button onClick={() => act(() => change(resumeAi))}>Resume AI</button>
            ) : (
              <button onClick={() => act(() => change(pauseAi))}>Pause AI</button>
            )}
            <button onClick={() => act(() => change(closeConversation))}>Close</button>
          </div>
        )}
      </header>
      {problem && <p role="alert" className="problem">{problem}</p>}
    </>
  )
}

function pauseWords({ auto_reply, paused_until }: Conversation): string {
  if (!auto_reply || !paused_until) return 'AI paused'
  const isSoon = new Date(paused_until).getTime() < Date.now() + 86_400_000
  return `Paused until ${isSoon ? time(paused_until) : day(paused_until)}`
}

function Composer({ onSend }: { onSend: (content: string) => void }) {
  const [content, setContent] = useState('')

  function submit(event: FormEvent) {
    event.preventDefault()
    if (!content.trim()) return
    setContent('')
    onSend(content)
  }

  function sendOnEnter(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) submit(event)
  }

  return (
    <form className="composer" onSubmit={submit}>
      <textarea
        aria-label="Your text"
        placeholder="Write a text"
        maxLength={1600}
        rows={1}
        value={content}
        onChange={(event) => setContent(event.target.value)}
        onKeyDown={sendOnEnter}
      />
      <button className="primary" disabled={!content.trim()}>Send</button>
    </form>
  )
}
