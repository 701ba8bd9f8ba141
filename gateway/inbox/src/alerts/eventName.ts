import type { useTranslation } from 'react-i18next'

type Translate = ReturnType<typeof useTranslation>['t']

/** A type such as human.requested in words; one that is newer than this page as it is. */
export function eventName(t: Translate, type: string): string {
  return t(`alerts.event.${type.replace('.', '_') as 'human_requested'}`, { defaultValue: type })
}
