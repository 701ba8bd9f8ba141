import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from './Icon'

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation()
  const [isCopied, setCopied] = useState(false)

  async function copy() {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    window.setTimeout(() => setCopied(false), 2000)
  }

  return (
    <button className="quiet" onClick={copy} aria-label={label}>
      <Icon name={isCopied ? 'check' : 'copy'} size={16} />
      <span aria-live="polite">{isCopied ? t('common.copied') : t('common.copy')}</span>
    </button>
  )
}
