import { useTranslation } from 'react-i18next'
import { usePhone } from './phone'

type Called = { contact_number: string; contact_name?: string | null }

/** What a contact is called: a name, else the number as people write it. */
export function useName(): (contact: Called) => string {
  const { t } = useTranslation()
  const phone = usePhone()
  return ({ contact_name, contact_number }) =>
    contact_name ?? (contact_number.startsWith('forgotten:') ? t('list.forgotten') : phone(contact_number))
}
