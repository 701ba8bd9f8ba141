import { useTranslation } from 'react-i18next'
import type { Replay, Sums } from '../data/replays'
import { count } from '../format/time'
import { priceOfThousand } from './price'

/** The sums of both sides, and how many answers are remarkable in what. */
export function Totals({ replay }: { replay: Replay }) {
  const { t } = useTranslation()
  const { totals, answers } = replay
  const { old, new: now } = totals
  const marked = (mark: string) => answers.filter((answer) => answer.mark === mark).length
  const figures: [string, string][] = [
    [t('replay.answered'), t('replay.done', { done: count(totals.answered), all: count(totals.answers) })],
    [t('details.segments'), both(old, now, ({ segments }) => segments, count)],
    [t('replay.tokens'), both(old, now, tokens, count)],
    [t('replay.price'), both(old, now, ({ price }) => price, (price) => priceOfThousand(price / totals.answered))],
    [t('replay.filter.human'), both(old, now, ({ mentions_human }) => mentions_human, count)],
    [t('replay.filter.longer'), count(totals.longer)],
    [t('replay.filter.overBudget'), count(totals.over_budget)],
    [t('replay.filter.language'), count(totals.other_language)],
    [t('replay.filter.without'), count(totals.empty + totals.failed + totals.diverged)],
    [t('replay.judged'), `${count(marked('better'))} / ${count(marked('same'))} / ${count(marked('worse'))}`],
  ]
  return (
    <dl className="figures replay-figures">
      {figures.map(([name, value]) => <div key={name} className="figure"><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  )
}

function tokens({ prompt_tokens: read, completion_tokens: written }: Sums): number | null {
  return read === null || written === null ? null : read + written
}

function both(
  old: Sums | null,
  now: Sums | null,
  of: (sums: Sums) => number | null,
  format: (value: number) => string,
): string {
  const side = (sums: Sums | null) => {
    const value = sums && of(sums)
    return value === null ? '–' : format(value)
  }
  return `${side(old)} → ${side(now)}`
}
