import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { CopyButton } from '../parts/Copy'
import { Empty } from '../parts/Empty'

export function NoNumber() {
  const { t } = useTranslation()
  const { user } = useAccount()
  const command = `sms-gateway number add +15551234567 --owner ${user.email ?? user.id}`
  return (
    <main className="alone">
      <Empty icon="phone" title={t('noNumber.title')} isWholePage>
        <p>{t('noNumber.lead')}</p>
        <p className="command"><code>{command}</code><CopyButton text={command} /></p>
        <p>{t('noNumber.after')}</p>
      </Empty>
    </main>
  )
}
