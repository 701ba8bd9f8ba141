import { useTranslation } from 'react-i18next'
import type { listFailures } from '../data/statistics'
import { count } from '../format/time'
import { useReason } from '../thread/useReason'

/** The reasons of failed messages, the most frequent first. */
export function Reasons({ failures }: { failures: Awaited<ReturnType<typeof listFailures>> }) {
  const { t } = useTranslation()
  const reason = useReason()
  const counted = Map.groupBy(failures, (failure) => reason(failure) || t(`state.${failure.status as 'failed'}`))
  const rows = [...counted].sort(([, one], [, other]) => other.length - one.length)

  return (
    <section className="card-block" aria-labelledby="reasons">
      <h2 id="reasons">{t('statistics.reasons')}</h2>
      {rows.length === 0 ? <p className="quiet-words">{t('statistics.noFailures')}</p> : (
        <table className="table">
          <thead><tr><th scope="col">{t('statistics.reason')}</th><th scope="col" className="number">{t('statistics.count')}</th></tr></thead>
          <tbody>
            {rows.map(([words, all]) => (
              <tr key={words}><td>{words}</td><td className="number">{count(all.length)}</td></tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
