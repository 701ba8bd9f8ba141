import { useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useKeys } from '../frame/keys'
import { Icon } from '../parts/Icon'

export function SearchBox({ query, onQuery }: { query: string; onQuery: (query: string) => void }) {
  const { t } = useTranslation()
  const box = useRef<HTMLInputElement>(null)
  useKeys({ search: () => box.current?.focus() })

  return (
    <div className="search">
      <Icon name="search" size={18} />
      <input
        ref={box}
        type="search"
        aria-label={t('list.searchLabel')}
        placeholder={t('list.searchLabel')}
        value={query}
        maxLength={200}
        onChange={(event) => onQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          onQuery('')
          box.current?.blur()
        }}
      />
      {query && (
        <button className="plain icon-only" aria-label={t('list.clearSearch')} onClick={() => onQuery('')}>
          <Icon name="close" size={16} />
        </button>
      )}
    </div>
  )
}
