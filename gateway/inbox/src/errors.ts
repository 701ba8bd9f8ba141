// What went wrong, for people.
import type { PostgrestError } from '@supabase/supabase-js'
import i18next from 'i18next'

/** PT404 to PT429 come with words of their own; the language's file may hold them translated. */
export function sentence(error: unknown): string {
  const { code, message = '', hint } = error as Partial<PostgrestError>
  if (code?.startsWith('PT')) {
    return [message, hint].filter((words) => !!words).map((words) => translated(String(words))).join(' ')
  }
  if (code === '42501') return i18next.t('error.forbidden')
  if (code === 'PGRST301' || code === 'PGRST303') return i18next.t('error.expired')
  return i18next.t(code ? 'error.unknown' : 'error.offline')
}

function translated(words: string): string {
  const plain = words.replace(/\.$/, '')
  const known = i18next.getResource(i18next.language, 'translation', 'server') as
    | Record<string, string>
    | undefined
  return `${known?.[plain] ?? plain}.`
}
