import { money } from '../format/time'

/** What a thousand such answers cost, in cents where there are any: one alone is a fraction of one. */
export function priceOfThousand(price: number): string {
  const thousand = 1000 * price
  return money(thousand < 0.01 ? thousand : Math.round(100 * thousand) / 100, 'USD')
}
