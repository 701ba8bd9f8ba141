import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { askKnowledge } from '../data/knowledge'
import { useNumbers } from '../data/queries'
import { sentence } from '../errors'
import { Passages } from './Passages'

/** The passages that a question would find. */
export function TryIt() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: numbers = [] } = useNumbers(account)
  const [found, setFound] = useState<Awaited<ReturnType<typeof askKnowledge>>>()
  const [problem, setProblem] = useState('')

  async function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const question = String(new FormData(event.currentTarget).get('question') ?? '')
    try {
      setFound(await askKnowledge(numbers[0]?.id ?? '', question))
      setProblem('')
    } catch (error) {
      setProblem(sentence(error))
    }
  }

  if (numbers.length === 0) return null
  return (
    <section className="card-block" aria-labelledby="try-it">
      <h2 id="try-it">{t('knowledge.tryIt')}</h2>
      <form className="in-a-row" onSubmit={ask}>
        <label className="field grows">
          <span>{t('knowledge.tryLabel')}</span>
          <input name="question" required maxLength={500} autoComplete="off" dir="auto" />
        </label>
        <button>{t('knowledge.try')}</button>
      </form>
      {problem && <p role="alert" className="problem">{problem}</p>}
      <div role="status">
        {found?.length === 0 && <p className="quiet-words">{t('knowledge.nothing')}</p>}
        {found && <Passages passages={found} />}
      </div>
    </section>
  )
}
