import { useTranslation } from 'react-i18next'
import type { Message } from '../data/client'
import { Icon } from '../parts/Icon'

const KINDS = ['image', 'video', 'audio', 'text', 'application'] as const

/** What came with an MMS. It stays at Twilio and is never loaded into this page. */
export function Attachments({ media }: { media: Message['media'] }) {
  const { t } = useTranslation()
  const all = Array.isArray(media) ? media : []
  if (all.length === 0) return null
  return (
    <ul className="attachments">
      {all.map((one, place) => {
        const { url, content_type: type } = one as { url?: unknown; content_type?: unknown }
        const kind = KINDS.find((name) => String(type).startsWith(`${name}/`)) ?? 'other'
        return (
          <li key={place} className="attachment">
            <Icon name="clip" size={18} />
            <span>{t(`media.${kind}`)}</span>
            {isAtTwilio(url) && (
              <a href={url} target="_blank" rel="noopener noreferrer nofollow">
                {t('media.open')} <Icon name="external" size={14} />
              </a>
            )}
          </li>
        )
      })}
    </ul>
  )
}

function isAtTwilio(url: unknown): url is string {
  if (typeof url !== 'string' || !URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' && /(^|\.)twilio\.com$/.test(hostname)
}
