import i18next from 'i18next'

/** How the database reduces words to their stems, and the language's tag. */
export const LANGUAGES = {
  danish: 'da', dutch: 'nl', english: 'en', finnish: 'fi', french: 'fr', german: 'de', hungarian: 'hu',
  italian: 'it', norwegian: 'no', portuguese: 'pt', romanian: 'ro', russian: 'ru', spanish: 'es',
  swedish: 'sv', turkish: 'tr', simple: '',
} as const

export function languageOfPage(): string {
  const found = Object.entries(LANGUAGES).find(([, tag]) => tag === i18next.language)
  return found?.[0] ?? 'simple'
}

export function languageName(language: string): string | undefined {
  const tag = LANGUAGES[language as keyof typeof LANGUAGES]
  return tag ? new Intl.DisplayNames(i18next.language, { type: 'language' }).of(tag) : undefined
}
