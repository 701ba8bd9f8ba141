// What the inbox says. A language is one JSON file beside this one; only the one in use is loaded.
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'

const files = import.meta.glob<Record<string, unknown>>('./*.json', { import: 'default' })

export const LANGUAGES: Record<string, string> = { en: 'English', es: 'Español' }
const CHOICE = 'inbox.language'

export async function initWords(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: preferred(),
    fallbackLng: false,
    interpolation: { escapeValue: false }, // React escapes
    resources: {},
  })
  i18next.services.formatter?.add('number', (value: number) => value.toLocaleString(locale()))
  await load(i18next.language)
}

/** The chosen language as it is written where the reader lives: Spanish of Mexico has other numbers
    than Spanish of Spain. */
export function locale(): string {
  const { language } = i18next
  return navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language
}

export async function setLanguage(language: string): Promise<void> {
  localStorage.setItem(CHOICE, language)
  await load(language)
}

async function load(language: string): Promise<void> {
  const file = files[`./${language}.json`]
  if (!file) return
  i18next.addResourceBundle(language, 'translation', await file())
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
}

function preferred(): string {
  const wanted = [localStorage.getItem(CHOICE) ?? '', ...navigator.languages]
  const known = wanted.map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES)
  return known ?? 'en'
}
