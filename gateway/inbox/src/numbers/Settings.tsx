import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { PhoneNumber } from '../data/client'
import { changeNumber } from '../data/numbers'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { useTell } from '../parts/Undo'
import { Control } from './Control'
import { type Change, type Field, GROUPS, shown, stored } from './fields'

/** A form over the row; only what was changed is stored, all of it or nothing. */
export function Settings({ number }: { number: PhoneNumber }) {
  const { t } = useTranslation()
  const { done } = useTell()
  const [edits, setEdits] = useState<Partial<Record<Field['name'], string>>>({})
  const [problem, setProblem] = useState('')
  const fields = GROUPS.flatMap((group) => group.fields)
  const changed = fields.filter(
    (field) => edits[field.name] !== undefined && edits[field.name] !== shown(field, number[field.name]),
  )

  async function save(event: FormEvent) {
    event.preventDefault()
    const change = Object.fromEntries(
      changed.map((field) => [field.name, stored(field, edits[field.name] ?? '')]),
    ) as Change
    try {
      await changeNumber(number.id, change)
      done({ words: t('common.saved') })
      await queries.invalidateQueries({ predicate: ({ queryKey: [kind] }) => kind === 'numbers' || kind === 'versions' })
    } catch (error) {
      setProblem(sentence(error))
    }
  }

  return (
    <form onSubmit={save} noValidate>
      {GROUPS.map((group) => (
        <fieldset key={group.name} className="card-block">
          <legend>{t(`numbers.group.${group.name}`)}</legend>
          {group.fields.map((field) => (
            <Control
              key={field.name}
              field={field}
              value={edits[field.name] ?? shown(field, number[field.name])}
              onChange={(value) => setEdits({ ...edits, [field.name]: value })}
            />
          ))}
        </fieldset>
      ))}
      {(changed.length > 0 || problem) && (
        <div className="save-bar">
          {problem
            ? <p role="alert" className="problem">{problem}</p>
            : <span>{t('numbers.changed', { count: changed.length })}</span>}
          <button type="button" onClick={() => { setEdits({}); setProblem('') }}>{t('numbers.discard')}</button>
          <button className="primary" disabled={changed.length === 0}>{t('common.save')}</button>
        </div>
      )}
    </form>
  )
}
