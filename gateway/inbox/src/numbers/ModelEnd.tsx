import { useQuery } from '@tanstack/react-query'
import i18next from 'i18next'
import { useTranslation } from 'react-i18next'
import { listModels } from '../data/numbers'
import { Icon } from '../parts/Icon'

/** When OpenAI shuts the model down, where that is announced. */
export function ModelEnd({ model }: { model: string }) {
  const { t } = useTranslation()
  const { data: models = [] } = useQuery({ queryKey: ['models'], queryFn: listModels })
  const day = models.find((one) => one.model === model.trim())?.shuts_down_on
  if (!day) return null
  const isOver = Date.parse(day) < Date.now()
  const date = new Date(day).toLocaleDateString(i18next.language, { dateStyle: 'long', timeZone: 'UTC' })
  return (
    <p className={isOver ? 'model-end is-over' : 'model-end'} role="status">
      <Icon name="alert" size={16} />
      {t(isOver ? 'try.modelEnded' : 'try.modelEnds', { date })}
    </p>
  )
}
