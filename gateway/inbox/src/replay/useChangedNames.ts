import { useTranslation } from 'react-i18next'
import { type Changes, REPLAYED } from '../data/replays'

/** What was changed for a replay, as the form calls it: "Instructions, Model gpt-6-luna". */
export function useChangedNames() {
  const { t } = useTranslation()
  return (changes: Changes): string => {
    const names = REPLAYED.filter((name) => changes[name] !== undefined).map((name) => {
      const said = t(`numbers.field.${name}.name`)
      return name === 'openai_model' ? `${said} ${changes.openai_model}` : said
    })
    return names.length > 0 ? names.join(', ') : t('replay.unchanged')
  }
}
