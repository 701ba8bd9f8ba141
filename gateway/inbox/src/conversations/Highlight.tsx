const BEFORE = 30 // characters kept before the first hit of an excerpt

/** `text` with what was searched marked, whatever its case and accents. */
export function Highlight({ text, query, isExcerpt = false }: {
  text: string
  query: string
  isExcerpt?: boolean
}) {
  const hits = findHits(text, query)
  const first = hits[0]?.[0] ?? 0
  const start = isExcerpt && first > BEFORE ? text.lastIndexOf(' ', first - BEFORE / 2) + 1 : 0
  const pieces = hits.flatMap(([from, to], place) => {
    const before = text.slice(place ? (hits[place - 1]?.[1] ?? 0) : start, from)
    return [before, <mark key={from}>{text.slice(from, to)}</mark>]
  })
  return <>{start > 0 && '… '}{pieces}{text.slice(hits.at(-1)?.[1] ?? start)}</>
}

/** Where words of `query` begin words of `text`, or its digits stand in a number; in order. */
export function findHits(text: string, query: string): [number, number][] {
  const plain = folded(text)
  const wanted = folded(query).split(/[^\p{L}\p{N}]+/u).filter(Boolean)
  const hits = wanted.flatMap((word) => [...plain.matchAll(new RegExp(word, 'gu'))].flatMap(
    ({ index }): [number, number][] => (startsWord(plain, index, word) ? [[index, index + word.length]] : []),
  ))
  const digits = query.replace(/[-+(). ]/g, '')
  if (/^\d{3,15}$/.test(digits)) hits.push(...digitHits(text, digits))
  return hits
    .sort(([one], [other]) => one - other)
    .filter(([from], place, all) => !all.slice(0, place).some(([, to]) => to > from))
}

function startsWord(text: string, index: number, word: string): boolean {
  return /^\d+$/.test(word) || !/[\p{L}\p{N}]/u.test(text[index - 1] ?? ' ')
}

function digitHits(text: string, digits: string): [number, number][] {
  const found = new RegExp([...digits].join('[-+(). \\u00a0]*')).exec(text)
  return found ? [[found.index, found.index + found[0].length]] : []
}

/** Without case and accents, unit by unit, so that places stay the same. */
function folded(text: string): string {
  return [...text].map((character) => {
    const plain = character.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
    return plain.length === character.length ? plain : character
  }).join('')
}
