import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount, useMayManage } from '../account'
import { queries, useTeam } from '../data/queries'
import {
  invite,
  leaveAccount,
  listInvitations,
  removeMember,
  setRole,
  withdrawInvitation,
} from '../data/team'
import { sentence } from '../errors'
import { dateTime } from '../format/time'
import { Avatar } from '../parts/Avatar'
import { CopyButton } from '../parts/Copy'
import { useTell } from '../parts/Undo'
import { invitationLink } from '../signin/invitation'

const ROLES = ['agent', 'admin'] as const

/** Who works in the account, and who is invited. */
export default function Team() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: team, error } = useTeam(account)
  const mayManage = useMayManage()

  return (
    <main className="page">
      <header className="page-head"><h1>{t('team.title')}</h1></header>
      {error && <p role="alert" className="problem">{sentence(error)}</p>}
      {!team && !error && <p className="waiting" role="status">{t('app.loading')}</p>}
      {team && (
        <section className="card-block" aria-labelledby="members">
          <h2 id="members">{t('team.members')}</h2>
          <ul className="people">
            {team.map((member) => <Member key={member.member_id} member={member} mayManage={mayManage} />)}
          </ul>
        </section>
      )}
      {team && mayManage && <Invitations />}
    </main>
  )
}

/** Does the work, then asks for the team again. */
function useChange() {
  const { problem } = useTell()
  return (work: Promise<unknown>) =>
    work
      .catch(problem)
      .then(() => queries.invalidateQueries({ predicate: ({ queryKey: [kind] }) => ['team', 'invitations', 'accounts'].includes(String(kind)) }))
}

function Member({ member, mayManage }: {
  member: { member_id: string; email: string; role: string }
  mayManage: boolean
}) {
  const { t } = useTranslation()
  const { id: account, user } = useAccount()
  const change = useChange()
  const isOwner = member.role === 'owner'
  const isMe = member.member_id === user.id

  return (
    <li className="person">
      <Avatar name={member.email} seed={member.member_id} />
      <span className="person-name">
        <bdi>{member.email}</bdi>
        {isMe && <span className="mark">{t('author.human')}</span>}
      </span>
      {mayManage && !isOwner ? (
        <select
          className="select"
          aria-label={t('team.roleOf', { email: member.email })}
          value={member.role}
          onChange={(event) => void change(setRole(account, member.member_id, event.target.value))}
        >
          {ROLES.map((role) => <option key={role} value={role}>{t(`team.role.${role}`)}</option>)}
        </select>
      ) : (
        <span className="quiet-words">{t(`team.role.${member.role as 'agent'}`)}</span>
      )}
      {mayManage && !isOwner && !isMe && (
        <button className="quiet" onClick={() => void change(removeMember(account, member.member_id))}>
          {t('team.remove')}
        </button>
      )}
      {isMe && !isOwner && (
        <button className="quiet" onClick={() => void change(leaveAccount(account))}>{t('team.leave')}</button>
      )}
    </li>
  )
}

function Invitations() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: invitations, error } = useQuery({
    queryKey: ['invitations', account],
    queryFn: () => listInvitations(account),
  })
  const change = useChange()

  return (
    <section className="card-block" aria-labelledby="invitations">
      <h2 id="invitations">{t('team.invite')}</h2>
      <p className="quiet-words">{t('team.inviteLead')}</p>
      <InviteForm />
      {error && <p role="alert" className="problem">{sentence(error)}</p>}
      <ul className="people">
        {invitations?.map((one) => (
          <li key={one.id} className="person">
            <span className="person-name">
              <bdi>{one.email}</bdi>
              <span className="quiet-words">
                {t(`team.role.${one.role as 'agent'}`)} · {t('team.until', { time: dateTime(one.expires_at) })}
              </span>
            </span>
            <span className="filters">
              <CopyButton text={invitationLink(one.id)} label={t('team.copyLink', { email: one.email })} />
              <button className="quiet" onClick={() => void change(withdrawInvitation(one.id))}>
                {t('team.withdraw')}
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function InviteForm() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const [problem, setProblem] = useState('')

  async function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    const values = new FormData(form)
    try {
      await invite(account, String(values.get('email')), String(values.get('role')))
      setProblem('')
      form.reset()
    } catch (error) {
      setProblem(sentence(error))
    }
    await queries.invalidateQueries({ queryKey: ['invitations', account] })
  }

  return (
    <form className="in-a-row" onSubmit={send}>
      <label className="field grows">
        <span>{t('signIn.email')}</span>
        <input name="email" type="email" required />
      </label>
      <label className="field">
        <span>{t('team.roleLabel')}</span>
        <select name="role" defaultValue="agent">
          {ROLES.map((role) => <option key={role} value={role}>{t(`team.role.${role}`)}</option>)}
        </select>
      </label>
      <button className="primary">{t('team.send')}</button>
      {problem && <p role="alert" className="problem">{problem}</p>}
    </form>
  )
}
