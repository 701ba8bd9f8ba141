import { useState } from 'react'
import type { PhoneNumber } from '../data/client'
import { type Changes, REPLAYED } from '../data/replays'
import { type Change, type Field, GROUPS, shown, stored } from './fields'

const FIELDS = GROUPS.flatMap((group) => group.fields)

/** What is typed in the form of a number and not saved yet. */
export function useEdits(number: PhoneNumber) {
  const [typed, setTyped] = useState<Partial<Record<Field['name'], string>>>({})
  const valueOf = (field: Field) => typed[field.name] ?? shown(field, number[field.name])
  const changed = FIELDS.filter((field) => valueOf(field) !== shown(field, number[field.name]))
  const change = Object.fromEntries(
    changed.map((field) => [field.name, stored(field, valueOf(field))]),
  ) as Change

  return {
    change,
    count: changed.length,
    valueOf,
    type: (field: Field, value: string) => setTyped((now) => ({ ...now, [field.name]: value })),
    discard: () => setTyped({}),
  }
}

export type Edits = ReturnType<typeof useEdits>

/** Of a change, what an answer depends on. */
export function previewed(change: Change): Changes {
  return Object.fromEntries(
    REPLAYED.filter((name) => change[name] !== undefined).map((name) => [name, change[name]]),
  )
}
