import { useTranslation } from 'react-i18next'
import type { PhoneNumber } from '../data/client'
import type { View } from '../data/conversations'
import { usePhone } from '../format/phone'

const VIEWS: View[] = ['all', 'mine', 'unassigned', 'human', 'unread', 'failed', 'closed']

export function Filters({ view, onView, number, onNumber, numbers }: {
  view: View
  onView: (view: View) => void
  number: string
  onNumber: (id: string) => void
  numbers: PhoneNumber[]
}) {
  const { t } = useTranslation()
  const phone = usePhone()

  return (
    <div className="filters">
      <select
        className="select"
        aria-label={t('list.filters')}
        value={view}
        onChange={(event) => onView(event.target.value as View)}
      >
        {VIEWS.map((name) => <option key={name} value={name}>{t(`list.view.${name}`)}</option>)}
      </select>
      {numbers.length > 1 && (
        <select
          className="select"
          aria-label={t('list.number')}
          value={number}
          onChange={(event) => onNumber(event.target.value)}
        >
          <option value="">{t('list.allNumbers')}</option>
          {numbers.map(({ id, phone_number }) => (
            <option key={id} value={id}>{phone(phone_number)}</option>
          ))}
        </select>
      )}
    </div>
  )
}
