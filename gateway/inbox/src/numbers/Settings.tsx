import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { PhoneNumber } from '../data/client'
import { changeNumber } from '../data/numbers'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { useTell } from '../parts/Undo'
import { Control } from './Control'
import { GROUPS } from './fields'
import type { Edits } from './useEdits'

/** A form over the row; only what was changed is stored, all of it or nothing. */
export function Settings({ number, edits }: { number: PhoneNumber; edits: Edits }) {
  const { t } = useTranslation()
  const { done } = useTell()
  const [problem, setProblem] = useState('')

  async function save(event: FormEvent) {
    event.preventDefault()
    try {
      await changeNumber(number.id, edits.change)
      setProblem('')
      done({ words: t('common.saved') })
      await queries.invalidateQueries({ predicate: ({ queryKey: [kind] }) => kind === 'numbers' || kind === 'versions' })
      edits.discard()
    } catch (error) {
      setProblem(sentence(error))
    }
  }

  function discard() {
    edits.discard()
    setProblem('')
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
              value={edits.valueOf(field)}
              onChange={(value) => edits.type(field, value)}
            />
          ))}
        </fieldset>
      ))}
      {(edits.count > 0 || problem) && (
        <div className="save-bar">
          {problem
            ? <p role="alert" className="problem">{problem}</p>
            : <span>{t('numbers.changed', { count: edits.count })}</span>}
          <button type="button" onClick={discard}>{t('numbers.discard')}</button>
          <button className="primary" disabled={edits.count === 0}>{t('common.save')}</button>
        </div>
      )}
    </form>
  )
}
