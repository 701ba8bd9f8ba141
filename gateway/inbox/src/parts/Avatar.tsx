import { Icon } from './Icon'

const TONES = 6

/** The initials of a name, or a silhouette; the same contact always has the same tone. */
export function Avatar({ name, seed, size = 'medium' }: {
  name: string
  seed: string
  size?: 'medium' | 'large'
}) {
  const letters = initials(name)
  return (
    <span className={`avatar ${size}`} data-tone={tone(seed)} aria-hidden="true">
      {letters || <Icon name="person" size={size === 'large' ? 30 : 22} />}
    </span>
  )
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => /^\p{L}/u.test(word))
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words
  return picked.map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase()
}

function tone(seed: string): number {
  return [...seed].reduce((sum, character) => (sum * 31 + (character.codePointAt(0) ?? 0)) % 997, 7) % TONES
}
