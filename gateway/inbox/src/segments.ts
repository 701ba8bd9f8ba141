// How many segments a message is billed as: the rules of gateway/segments.py, tried on the same
// vectors (tests/data/sms_vectors.json).

export type Segments = { encoding: 'GSM-7' | 'UCS-2'; count: number; parts: string[] }

export const MAX_CHARACTERS = 1600 // UTF-16 units; a longer body is refused (error 21617)

const EXTENSION = new Set('\f^{}\\[~]|€')
const GSM_7 = new Set([
  ...EXTENSION,
  ...'@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?',
  ...'¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
])
const ROOM = { 'GSM-7': [160, 153], 'UCS-2': [70, 67] } as const

/** `parts` joined are the message; `count` is their number, 0 for an empty message. */
export function countSegments(text: string): Segments {
  const characters = [...text]
  const encoding = characters.every((one) => GSM_7.has(one)) ? 'GSM-7' : 'UCS-2'
  const [single, each] = ROOM[encoding]
  const whole = split(characters, encoding, single)
  const parts = whole.length > 1 ? split(characters, encoding, each) : whole
  return { encoding, count: parts.length, parts }
}

/** How many characters that count once still fit into the last segment. */
export function roomLeft({ encoding, count, parts }: Segments): number {
  const [single, each] = ROOM[encoding]
  const used = [...(parts.at(-1) ?? '')].reduce((sum, one) => sum + cost(one, encoding), 0)
  return (count > 1 ? each : single) - used
}

function split(characters: string[], encoding: Segments['encoding'], size: number): string[] {
  const parts: string[] = []
  let part = ''
  let used = 0
  for (const character of characters) {
    const units = cost(character, encoding)
    if (used + units > size) {
      parts.push(part)
      part = ''
      used = 0
    }
    part += character
    used += units
  }
  return characters.length ? [...parts, part] : []
}

function cost(character: string, encoding: Segments['encoding']): number {
  if (encoding === 'GSM-7') return EXTENSION.has(character) ? 2 : 1
  return character.length
}
