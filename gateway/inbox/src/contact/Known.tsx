import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeContact, type Contact, type ContactChange } from '../data/contacts'
import { queries } from '../data/queries'
import { sentence } from '../errors'
import { Icon } from '../parts/Icon'
import { useTell } from '../parts/Undo'

type Attributes = Record<string, string | number>

/** What people noted about a contact: each field is stored when it is left. */
export function Known({ account, contact }: { account: string; contact: Contact }) {
  const { t } = useTranslation()
  const [problem, setProblem] = useState('')
  const { done } = useTell()

  async function store(change: ContactChange) {
    try {
      await changeContact(account, contact.contact_number, change)
      setProblem('')
      done({ words: t('common.saved') })
    } catch (error) {
      setProblem(sentence(error))
    }
    await queries.invalidateQueries({
      predicate: ({ queryKey: [kind] }) => ['contact', 'conversation', 'conversations'].includes(String(kind)),
    })
  }

  function storeWhenChanged(column: 'name' | 'notes', value: string) {
    const next = value.trim() || null
    if (next !== contact[column]) void store({ [column]: next })
  }

  return (
    <div className="known">
      <label className="field">
        <span>{t('contact.name')}</span>
        <input
          defaultValue={contact.name ?? ''}
          maxLength={100}
          dir="auto"
          autoComplete="off"
          onBlur={(event) => storeWhenChanged('name', event.target.value)}
          onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
        />
      </label>
      <label className="field">
        <span>{t('contact.notes')}</span>
        <textarea
          defaultValue={contact.notes ?? ''}
          rows={3}
          dir="auto"
          onBlur={(event) => storeWhenChanged('notes', event.target.value)}
        />
      </label>
      <Tags tags={contact.tags} onChange={(tags) => void store({ tags })} />
      <AttributeList
        attributes={contact.attributes as Attributes}
        onChange={(attributes) => void store({ attributes })}
      />
      {problem && <p role="alert" className="problem">{problem}</p>}
    </div>
  )
}

function Tags({ tags, onChange }: { tags: string[]; onChange: (tags: string[]) => void }) {
  const { t } = useTranslation()

  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const tag = String(new FormData(event.currentTarget).get('tag') ?? '').trim()
    event.currentTarget.reset()
    if (tag && !tags.includes(tag)) onChange([...tags, tag])
  }

  return (
    <div className="field">
      <span id="tags">{t('contact.tags')}</span>
      <ul className="tags" aria-labelledby="tags">
        {tags.map((tag) => (
          <li key={tag} className="tag">
            <bdi>{tag}</bdi>
            <button
              className="plain icon-only"
              aria-label={t('contact.removeTag', { tag })}
              onClick={() => onChange(tags.filter((one) => one !== tag))}
            >
              <Icon name="close" size={12} />
            </button>
          </li>
        ))}
      </ul>
      <form className="add" onSubmit={add}>
        <input name="tag" aria-label={t('contact.addTag')} placeholder={t('contact.addTag')} maxLength={50} autoComplete="off" />
        <button className="plain icon-only" aria-label={t('contact.addTag')}><Icon name="plus" size={18} /></button>
      </form>
    </div>
  )
}

function AttributeList({ attributes, onChange }: {
  attributes: Attributes
  onChange: (attributes: Attributes) => void
}) {
  const { t } = useTranslation()

  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const values = new FormData(event.currentTarget)
    const name = String(values.get('key') ?? '').trim()
    const value = String(values.get('value') ?? '').trim()
    if (!name || !value) return
    event.currentTarget.reset()
    onChange({ ...attributes, [name]: value })
  }

  function remove(name: string) {
    const { [name]: _, ...others } = attributes
    onChange(others)
  }

  return (
    <div className="field">
      <span id="attributes">{t('contact.attributes')}</span>
      <ul className="attributes" aria-labelledby="attributes">
        {Object.entries(attributes).map(([name, value]) => (
          <li key={name}>
            <bdi className="quiet-words">{name}</bdi>
            <bdi>{value}</bdi>
            <button className="plain icon-only" aria-label={t('contact.removeAttribute', { name })} onClick={() => remove(name)}>
              <Icon name="close" size={12} />
            </button>
          </li>
        ))}
      </ul>
      <form className="add" onSubmit={add}>
        <input name="key" aria-label={t('contact.attributeName')} placeholder={t('contact.attributeName')} maxLength={50} autoComplete="off" />
        <input name="value" aria-label={t('contact.attributeValue')} placeholder={t('contact.attributeValue')} maxLength={200} autoComplete="off" />
        <button className="plain icon-only" aria-label={t('contact.addAttribute')}><Icon name="plus" size={18} /></button>
      </form>
    </div>
  )
}
