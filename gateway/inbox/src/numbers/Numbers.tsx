import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import type { PhoneNumber } from '../data/client'
import { useNumbers } from '../data/queries'
import { sentence } from '../errors'
import { usePhone } from '../format/phone'
import { dateTime } from '../format/time'
import { NoNumber } from '../conversations/NoNumber'
import { Replays } from '../replay/Replays'
import { Settings } from './Settings'
import { Try } from './Try'
import { previewed, useEdits } from './useEdits'
import { Versions } from './Versions'

/** How each number answers. */
export default function Numbers() {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: numbers, error } = useNumbers(account)
  const [chosen, setChosen] = useState('')
  const phone = usePhone()
  const number = numbers?.find((one) => one.id === chosen) ?? numbers?.[0]

  if (numbers?.length === 0) return <NoNumber />
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t('numbers.title')}</h1>
        {number && (
          <select
            className="select"
            aria-label={t('list.number')}
            value={number.id}
            onChange={(event) => setChosen(event.target.value)}
          >
            {numbers?.map((one) => <option key={one.id} value={one.id}>{phone(one.phone_number)}</option>)}
          </select>
        )}
      </header>
      {error && <p role="alert" className="problem">{sentence(error)}</p>}
      {number?.suspended_until && Date.parse(number.suspended_until) > Date.now() && (
        <p className="problem" role="status">
          {t('numbers.suspended', { time: dateTime(number.suspended_until), reason: number.suspended_reason })}
        </p>
      )}
      {number && <OneNumber key={number.id} number={number} />}
    </main>
  )
}

/** Its form, and what it would answer as the form stands. */
function OneNumber({ number }: { number: PhoneNumber }) {
  const edits = useEdits(number)
  return (
    <div className="numbers">
      <Try number={number} changes={previewed(edits.change)} />
      <div className="number-form">
        <Settings number={number} edits={edits} />
        <Replays number={number} changes={previewed(edits.change)} />
        <Versions number={number} />
      </div>
    </div>
  )
}
