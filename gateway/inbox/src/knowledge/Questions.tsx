import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useAccount } from '../account'
import { answerQuestion, listQuestions, type Question, setQuestionStatus } from '../data/knowledge'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { moment } from '../format/time'
import { useTell } from '../parts/Undo'

export function useQuestions() {
  const { id: account } = useAccount()
  return useQuery({ queryKey: ['questions', account], queryFn: () => listQuestions(account) })
}

/** What contacts asked and the assistant did not know; an answer becomes a document. */
export function Questions({ known }: { known: ReturnType<typeof useQuestions> }) {
  const { t } = useTranslation()
  const { data: questions, error } = known

  return (
    <section className="card-block" aria-labelledby="questions">
      <h2 id="questions">{t('knowledge.questions')}</h2>
      {error && <p role="alert" className="problem">{sentence(error)}</p>}
      {questions?.length === 0 && <p className="quiet-words">{t('knowledge.noQuestions')}</p>}
      <ul className="people">
        {questions?.map((one) => <OpenQuestion key={one.id} question={one} />)}
      </ul>
    </section>
  )
}

function OpenQuestion({ question }: { question: Question }) {
  const { t } = useTranslation()
  const [isAnswering, setAnswering] = useState(false)
  const [problem, setProblem] = useState('')
  const tell = useTell()
  const refresh = () =>
    queries.invalidateQueries({ predicate: ({ queryKey: [kind] }) => kind === 'questions' || kind === 'documents' })
  const put = (status: 'open' | 'dismissed') => setQuestionStatus(question.id, status).then(refresh)

  async function answer(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    try {
      await answerQuestion(question.id, String(new FormData(event.currentTarget).get('answer') ?? ''))
      tell.done({ words: t('knowledge.known') })
    } catch (error) {
      setProblem(sentence(error))
    }
    await refresh()
  }

  function dismiss() {
    put('dismissed').then(
      () => tell.done({ words: t('knowledge.dismissed'), undo: () => put('open') }),
      tell.problem,
    )
  }

  return (
    <li className="question">
      <p className="question-words"><bdi>{question.question}</bdi></p>
      <p className="quiet-words">
        {t('knowledge.asked', { count: question.asked })} · {moment(question.last_asked_at)}
        {question.conversation_id && (
          <> · <Link href={`/${question.conversation_id}`}>{t('knowledge.where')}</Link></>
        )}
      </p>
      {isAnswering ? (
        <form className="editor" onSubmit={answer}>
          <label className="field">
            <span>{t('knowledge.answerLabel')}</span>
            <textarea name="answer" rows={3} required autoFocus dir="auto" />
          </label>
          {problem && <p role="alert" className="problem">{problem}</p>}
          <div className="dialog-actions">
            <button type="button" onClick={() => setAnswering(false)}>{t('common.cancel')}</button>
            <button className="primary">{t('common.save')}</button>
          </div>
        </form>
      ) : (
        <div className="filters">
          <button className="quiet" onClick={() => setAnswering(true)}>{t('knowledge.answer')}</button>
          <button className="plain" onClick={dismiss}>{t('knowledge.dismiss')}</button>
        </div>
      )}
    </li>
  )
}
