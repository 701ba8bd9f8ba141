import { useTranslation } from 'react-i18next'
import { usePhone } from './phone'

/** What a contact is called: a name, else the number as people write it. */
export function useName(): (contact: { contact_number: string }) => string {
  const { t } = useTranslation()
  const phone = usePhone()
  return ({ contact_number }) =>
    contact_number.startsWith('forgotten:') ? t('list.forgotten') : phone(contact_number)
}
