import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { count, money, utcDay } from '../format/time'
import { THEME_CHANGED } from '../theme'
import type { Day } from '../data/statistics'

type Series = 'messages_in' | 'ai_replies' | 'human_replies' | 'segments' | 'cost'
type Drawn = { days: Day[]; series: Series[]; currency?: string }
const HEIGHT = 220
const LABEL_WIDTH = 76

/** Bars for each day that has any, and the same as a table. */
export function Chart({ title, ...drawn }: { title: string } & Drawn) {
  const { series } = drawn
  const { t } = useTranslation()
  const [isTable, setTable] = useState(false)
  return (
    <section className="card-block" aria-label={title}>
      <header className="block-head">
        <h2>{title}</h2>
        <button className="plain" onClick={() => setTable(!isTable)}>
          {t(isTable ? 'statistics.chart' : 'statistics.table')}
        </button>
      </header>
      {isTable ? <Table title={title} {...drawn} /> : (
        <>
          <Bars title={title} {...drawn} />
          {series.length > 1 && (
            <ul className="legend">
              {series.map((name) => (
                <li key={name}><i className={`swatch ${name}`} />{t(`statistics.${name}`)}</li>
              ))}
            </ul>
          )}
        </>
      )}
    </section>
  )
}

function Table({ title, days, series, currency }: { title: string } & Drawn) {
  const { t } = useTranslation()
  return (
    <div className="table-place" tabIndex={0} role="group" aria-label={title}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t('statistics.day')}</th>
            {series.map((name) => <th key={name} scope="col" className="number">{t(`statistics.${name}`)}</th>)}
          </tr>
        </thead>
        <tbody>
          {days.toReversed().map((day) => (
            <tr key={day.day}>
              <th scope="row">{utcDay(day.day)}</th>
              {series.map((name) => <td key={name} className="number">{written(day[name], currency)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Bars({ title, days, series, currency }: { title: string } & Drawn) {
  const { i18n } = useTranslation()
  const place = useRef<HTMLDivElement>(null)
  const drawn = JSON.stringify([days, series, currency, i18n.language])

  useEffect(() => {
    const box = place.current
    if (!box) return
    let plot = draw(box, { days, series, currency })
    const again = () => {
      plot.destroy()
      plot = draw(box, { days, series, currency })
    }
    const width = new ResizeObserver(again)
    width.observe(box)
    const scheme = window.matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', again)
    window.addEventListener(THEME_CHANGED, again)
    return () => {
      width.disconnect()
      scheme.removeEventListener('change', again)
      window.removeEventListener(THEME_CHANGED, again)
      plot.destroy()
    }
  }, [drawn])

  return <div className="chart" ref={place} role="img" aria-label={title} />
}

function written(value: number, currency: string | undefined): string {
  return currency ? money(value, currency) : count(value)
}

/** What came in stands beside the answers; those are stacked, the tallest drawn first. */
function draw(box: HTMLElement, { days, series, currency }: Drawn): uPlot {
  const color = (name: string) => getComputedStyle(box).getPropertyValue(`--series-${name}`).trim()
  const own = getComputedStyle(box)
  const isPair = series.length > 1
  const stacked = isPair
    ? [
        days.map((day) => day.messages_in),
        days.map((day) => day.ai_replies + day.human_replies),
        days.map((day) => day.ai_replies),
      ]
    : [days.map((day) => day[series[0]!])]
  const names = isPair ? ['messages_in', 'human_replies', 'ai_replies'] : [series[0]!]
  const every = Math.ceil((days.length * LABEL_WIDTH) / box.clientWidth)
  const axis = {
    stroke: own.getPropertyValue('--quiet').trim(),
    font: `12px ${own.fontFamily}`,
    ticks: { show: false },
  }
  const bars = (side: 0 | -1 | 1) => uPlot.paths.bars!({ size: [isPair ? 0.36 : 0.6, 28, 2], align: side, gap: 2, radius: 0.18 })
  return new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      padding: [12, 22, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [-0.6, Math.max(days.length, 7) - 0.4] },
        y: { range: (_, __, top) => [0, Math.max(currency ? 0.01 : 4, top * 1.1)] },
      },
      axes: [
        {
          ...axis,
          size: 30,
          grid: { show: false },
          splits: () => days.map((_, place) => place).filter((place) => (days.length - 1 - place) % every === 0),
          values: (_, places) => places.map((place) => utcDay(days[place]?.day ?? '')),
        },
        {
          ...axis,
          size: currency ? 64 : 44,
          grid: { stroke: own.getPropertyValue('--line').trim(), width: 1 },
          incrs: [...(currency ? [0.01, 0.02, 0.05, 0.1, 0.2, 0.5] : []), 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000],
          values: (_, values) => values.map((value) => (currency ? money(value, currency, 2) : count(value))),
        },
      ],
      series: [
        {},
        ...names.map((name, place) => ({
          fill: color(name),
          width: 0,
          points: { show: false },
          paths: bars(isPair ? (place === 0 ? -1 : 1) : 0),
        })),
      ],
    },
    [days.map((_, place) => place), ...stacked],
    box,
  )
}
