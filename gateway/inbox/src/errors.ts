// What went wrong, for people.
import type { PostgrestError } from '@supabase/supabase-js'
import i18next from 'i18next'

/** The Data API has no connection, or no time, for it. */
const UNAVAILABLE = ['PGRST000', 'PGRST001', 'PGRST002', 'PGRST003', '57014', '53300']

/** PT404 to PT429 come with words of their own; the language's file may hold them translated. */
export function sentence(error: unknown): string {
  const { code, message = '', hint } = error as Partial<PostgrestError>
  if (code?.startsWith('PT')) {
    const words = [message, hint].map((part) => translated(part ?? '')).filter((part) => part !== '')
    return words.join(' ') || i18next.t('error.refused')
  }
  if (code === '42501') return i18next.t('error.forbidden')
  if (code === 'PGRST301' || code === 'PGRST303') return i18next.t('error.expired')
  if (UNAVAILABLE.includes(String(code))) return i18next.t('error.unavailable')
  return i18next.t(code ? 'error.unknown' : 'error.offline')
}

/** What the language's file says for it, also where a number or a name stands in a %s; '' for what
    is of no use here, and for what the file does not know in a language that is not the server's. */
function translated(words: string): string {
  const plain = words.replace(/\.$/, '')
  const known = i18next.getResource(i18next.language, 'translation', 'server') as Record<string, string>
  for (const [pattern, sentence] of Object.entries(known)) {
    const found = matching(pattern).exec(plain)
    if (found) return sentence && `${sentence.replace('%s', found[1] ?? '')}.`
  }
  return plain && i18next.language === 'en' ? `${plain}.` : ''
}

function matching(pattern: string): RegExp {
  const [before = '', after] = pattern.split('%s').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(after === undefined ? `^${before}$` : `^${before}(.*)${after}$`)
}
