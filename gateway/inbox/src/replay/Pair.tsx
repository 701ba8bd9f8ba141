import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import type { Answer, Side } from '../data/replays'
import { count } from '../format/time'
import { FILTERS } from './filters'
import { Judgement } from './Judgement'
import { priceOfThousand } from './price'

const NOTES = ['longer', 'overBudget', 'language', 'human'] as const

/** One question, the answer of then and the answer of now. */
export function Pair({ replay, answer }: { replay: string; answer: Answer }) {
  const { t } = useTranslation()
  const notes = NOTES.filter((name) => FILTERS[name](answer))
  return (
    <li className="card-block pair">
      <div className="message incoming contact"><p className="bubble" dir="auto">{answer.question}</p></div>
      <div className="sides">
        <OneSide title={t('replay.then')} side={answer.old} />
        <OneSide title={t('replay.now')} side={answer.new}>
          {answer.state !== 'answered' && <p className="try-note">{stateWords(answer, t)}</p>}
        </OneSide>
      </div>
      {(notes.length > 0 || answer.is_approximate) && (
        <p className="marks">
          {notes.map((name) => <span key={name} className="mark urgent">{t(`replay.note.${name}`)}</span>)}
          {answer.is_approximate && <span className="mark">{t('replay.note.approximate')}</span>}
        </p>
      )}
      <div className="pair-foot">
        {answer.state === 'answered' && <Judgement replay={replay} answer={answer} />}
        {answer.conversation_id && (
          <Link href={`/${answer.conversation_id}`} className="pair-link">{t('knowledge.where')}</Link>
        )}
      </div>
    </li>
  )
}

function OneSide({ title, side, children }: {
  title: string
  side: Side | null
  children?: React.ReactNode
}) {
  const { t } = useTranslation()
  const facts = side && [
    side.model,
    side.segments !== null && t('composer.segments', { count: side.segments }),
    side.prompt_tokens !== null && side.completion_tokens !== null
      && t('replay.tokensOf', { tokens: count(side.prompt_tokens + side.completion_tokens) }),
    side.price !== null && t('replay.thousand', { price: priceOfThousand(side.price) }),
  ]
  return (
    <div className="side-of-pair">
      <h3>{title}</h3>
      {side && <div className="message ai"><p className="bubble" dir="auto">{side.content}</p></div>}
      {children}
      {facts && <p className="quiet-words"><bdi>{facts.filter(Boolean).join(' · ')}</bdi></p>}
    </div>
  )
}

function stateWords(answer: Answer, t: ReturnType<typeof useTranslation>['t']): string {
  if (answer.state === 'diverged') {
    const name = answer.diverged_call?.name.replaceAll('_', ' ')
    return name ? t('replay.diverged', { name }) : t('replay.state.diverged')
  }
  if (answer.state === 'failed') return t('try.failed', { reason: answer.error })
  return t(`replay.state.${answer.state as 'pending'}`)
}
