import { useTranslation } from 'react-i18next'
import { type Answer, type Mark, markAnswer, type Replay } from '../data/replays'
import { queries } from '../data/queries'
import { useTell } from '../parts/Undo'

const MARKS: Mark[] = ['better', 'same', 'worse']

/** What a member thinks of the new answer; pressed again it is taken back. */
export function Judgement({ replay, answer }: { replay: string; answer: Answer }) {
  const { t } = useTranslation()
  const { problem } = useTell()

  async function judge(mark: Mark | null, comment: string | null) {
    const key = ['replay', replay]
    queries.setQueryData<Replay>(key, (now) => now && {
      ...now,
      answers: now.answers.map((one) => (one.place === answer.place ? { ...one, mark, comment } : one)),
    })
    await markAnswer(replay, answer.place, mark, comment).catch(problem)
    await queries.invalidateQueries({ queryKey: key })
  }

  return (
    <div className="judgement" role="group" aria-label={t('replay.judge')}>
      {MARKS.map((mark) => (
        <button
          key={mark}
          className="quiet"
          aria-pressed={answer.mark === mark}
          onClick={() => void judge(answer.mark === mark ? null : mark, answer.comment)}
        >
          {t(`replay.mark.${mark}`)}
        </button>
      ))}
      {answer.mark && (
        <input
          aria-label={t('replay.comment')}
          placeholder={t('replay.comment')}
          defaultValue={answer.comment ?? ''}
          maxLength={1000}
          dir="auto"
          onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
          onBlur={(event) => {
            const comment = event.target.value.trim() || null
            if (comment !== answer.comment) void judge(answer.mark, comment)
          }}
        />
      )}
    </div>
  )
}
