import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import type { PhoneNumber, Tables } from '../data/client'
import { listVersions, restoreVersion } from '../data/numbers'
import { queries } from '../data/queries'
import { dateTime } from '../format/time'
import { Dialog } from '../parts/Dialog'
import { useTell } from '../parts/Undo'
import { useMemberName } from '../team/useMemberName'
import { type Field, GROUPS, shown } from './fields'

type Version = Tables<'sms_config_versions'>

/** What was changed when, by whom, and the way back. */
export function Versions({ number }: { number: PhoneNumber }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: versions = [] } = useQuery({
    queryKey: ['versions', number.id, number.version],
    queryFn: () => listVersions(account, number.id),
  })
  const [asked, setAsked] = useState<Version>()
  const { done, problem } = useTell()
  const name = useMemberName()

  async function restore(version: Version) {
    setAsked(undefined)
    try {
      await restoreVersion(number.id, version.version)
      done({ words: t('numbers.restored', { version: version.version }) })
    } catch (error) {
      problem(error)
    }
    await queries.invalidateQueries({ queryKey: ['numbers'] })
  }

  return (
    <section className="card-block" aria-labelledby="versions">
      <h2 id="versions">{t('numbers.history')}</h2>
      <ol className="versions">
        {versions.map((version, place) => (
          <li key={version.version}>
            <div>
              <p>
                {t('numbers.version', { version: version.version })}
                {version.version === number.version && <span className="mark">{t('numbers.current')}</span>}
              </p>
              <p className="quiet-words">
                {dateTime(version.created_at)}
                {version.changed_by && ` · ${name(version.changed_by) ?? ''}`}
              </p>
              <Differences version={version} before={versions[place + 1]} />
            </div>
            {version.version !== number.version && (
              <button className="quiet" onClick={() => setAsked(version)}>{t('numbers.restore')}</button>
            )}
          </li>
        ))}
      </ol>
      <Dialog
        title={t('numbers.restoreTitle', { version: asked?.version })}
        isOpen={asked !== undefined}
        onClose={() => setAsked(undefined)}
      >
        <p>{t('numbers.restoreLead')}</p>
        <div className="dialog-actions">
          <button onClick={() => setAsked(undefined)}>{t('common.cancel')}</button>
          <button className="primary" onClick={() => asked && void restore(asked)}>{t('numbers.restore')}</button>
        </div>
      </Dialog>
    </section>
  )
}

function Differences({ version, before }: { version: Version; before: Version | undefined }) {
  const { t } = useTranslation()
  if (!before) return null
  const value = (of: Version, field: Field) => shown(field, (of.settings as Record<string, unknown>)[field.name])
  const changed = GROUPS.flatMap((group) => group.fields).filter((field) => value(version, field) !== value(before, field))
  return (
    <ul className="differences">
      {changed.map((field) => (
        <li key={field.name}>
          <span className="quiet-words">{t(`numbers.field.${field.name as 'reply_delay'}.name`)}: </span>
          <del><bdi>{value(before, field) || t('common.none')}</bdi></del> → <ins><bdi>{value(version, field) || t('common.none')}</bdi></ins>
        </li>
      ))}
    </ul>
  )
}
