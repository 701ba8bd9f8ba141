// Numbers as people write them. The library that knows all countries is loaded after the first
// picture; until then, and for what is no number, the digits are shown as they are.
import { useSyncExternalStore } from 'react'

type Parse = typeof import('libphonenumber-js/min')['parsePhoneNumberFromString']

let parse: Parse | undefined
const readers = new Set<() => void>()

export function loadPhoneFormats(): void {
  void import('libphonenumber-js/min').then((library) => {
    parse = library.parsePhoneNumberFromString
    for (const reader of readers) reader()
  })
}

/** Formats a number; the component draws again once the library is there. */
export function usePhone(): (number: string) => string {
  useSyncExternalStore(subscribe, () => parse)
  return phone
}

export function phone(number: string): string {
  return parse?.(number)?.formatInternational() ?? number
}

/** Its country's ISO code, such as MX. */
export function country(number: string): string | undefined {
  return parse?.(number)?.country
}

function subscribe(reader: () => void): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}
