import { useTranslation } from 'react-i18next'
import type { Message } from '../data/client'
import { useErrorCodes } from '../data/queries'

const RULES = ['closed', 'paused', 'loop', 'rate_limit', 'opted_out', 'superseded'] as const

/** Why a message did not arrive, in a sentence with what to do. */
export function useReason() {
  const { t, i18n } = useTranslation()
  const { data: codes } = useErrorCodes()

  return ({ error_code: code, error_message: words }: Pick<Message, 'error_code' | 'error_message'>): string => {
    const rule = RULES.find((name) => name === words)
    if (rule) return t(`why.${rule}`)
    if (code && i18n.exists(`code.${code}`)) return t(`code.${code}` as 'code.30003')
    const known = codes?.find((one) => one.code === code)
    if (known) return `${known.meaning}. ${known.hint}`
    return words ?? ''
  }
}
