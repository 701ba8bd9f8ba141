import { useTranslation } from 'react-i18next'
import type { Unsaved } from './useOutbox'

export function UnsavedBubble({ message, onAgain, onRemove }: {
  message: Unsaved
  onAgain: () => void
  onRemove: () => void
}) {
  const { t } = useTranslation()
  const { content, problem } = message
  return (
    <article className={problem ? 'message outgoing human bad' : 'message outgoing human unsaved'}>
      <p className="bubble" dir="auto">{content}</p>
      {problem ? (
        <>
          <p className="why" role="alert">{problem}</p>
          <p className="meta">
            <button className="plain" onClick={onAgain}>{t('composer.sendAgain')}</button>
            <button className="plain" onClick={onRemove}>{t('composer.remove')}</button>
          </p>
        </>
      ) : (
        <p className="meta">{t('author.human')} <span className="state">{t('state.saving')}</span></p>
      )}
    </article>
  )
}
