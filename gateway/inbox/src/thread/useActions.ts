// What can be done with a conversation: seen at once, and taken back within five seconds.
import { useTranslation } from 'react-i18next'
import { callLeaving, type Conversation } from '../data/client'
import { closeConversation, pauseAi, resumeAi, setAi, setNeedsHuman } from '../data/conversations'
import { changeContact } from '../data/contacts'
import { queries, refreshConversations } from '../data/queries'
import { assign } from '../data/team'
import { useAccount } from '../account'
import { useTell } from '../parts/Undo'
import { useMemberName } from '../team/useMemberName'

export function useActions(conversation: Conversation) {
  const { t } = useTranslation()
  const { done, problem } = useTell()
  const { id: account } = useAccount()
  const name = useMemberName()
  const { id, contact_number: contact } = conversation
  const setBlocked = (is: boolean) =>
    changeContact(account, contact, { blocked_at: is ? new Date().toISOString() : null })

  /** Shown before the answer; the row as it is comes after it. */
  async function change(work: () => Promise<void>, shown: Partial<Conversation>) {
    queries.setQueryData<Conversation>(['conversation', id], (now) => now && { ...now, ...shown })
    try {
      await work()
    } finally {
      await refreshConversations([id])
    }
  }

  function act(words: string, shown: Partial<Conversation>, work: () => Promise<void>, back: () => Promise<void>) {
    const before = Object.fromEntries(
      Object.keys(shown).map((name) => [name, conversation[name as keyof Conversation]]),
    )
    change(work, shown).catch(problem)
    done({ words, undo: () => change(back, before) })
  }

  return {
    pause: () => act(t('action.paused'), { auto_reply: false }, () => pauseAi(id), () => setAi(id, conversation)),
    resume: () =>
      act(
        t('action.resumed'),
        { auto_reply: true, paused_until: null },
        () => resumeAi(id),
        () => setAi(id, conversation),
      ),
    mark: () => act(t('action.marked'), { wants_human: true }, () => setNeedsHuman(id, true), () => setNeedsHuman(id, false)),
    unmark: () =>
      act(t('action.unmarked'), { wants_human: false }, () => setNeedsHuman(id, false), () => setNeedsHuman(id, true)),
    assign: (member: string | null) =>
      act(
        member ? t('action.assigned', { name: name(member) }) : t('action.unassigned'),
        { assigned_to: member },
        () => assign(id, member),
        () => assign(id, conversation.assigned_to),
      ),
    block: () => act(t('action.blocked'), { is_blocked: true }, () => setBlocked(true), () => setBlocked(false)),
    unblock: () => act(t('action.unblocked'), { is_blocked: false }, () => setBlocked(false), () => setBlocked(true)),
    /** Closing cannot be taken back, so it is done when the five seconds are over. */
    close: () =>
      done({
        words: t('action.closed'),
        undo: async () => undefined,
        finish: () => change(() => closeConversation(id), { status: 'closed' }),
        leave: () => callLeaving('close_sms_conversation', { p_conversation_id: id }),
      }),
  }
}
