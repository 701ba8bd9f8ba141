import { Switch } from '@base-ui/react/switch'
import { useId } from 'react'
import { useTranslation } from 'react-i18next'
import type { Field } from './fields'
import { ModelEnd } from './ModelEnd'

/** One setting with its name, its unit and what it does. */
export function Control({ field, value, onChange }: {
  field: Field
  value: string
  onChange: (value: string) => void
}) {
  const { t } = useTranslation()
  const id = useId()
  const hint = t(`numbers.field.${field.name as 'reply_delay'}.hint`)
  const props = { id, value, 'aria-describedby': `${id}-hint` }

  return (
    <div className={`setting is-${field.kind}`}>
      <label htmlFor={field.kind === 'choices' ? undefined : id}>{t(`numbers.field.${field.name as 'reply_delay'}.name`)}</label>
      <div className="setting-input">
        {field.kind === 'switch' && (
          <Switch.Root
            id={id}
            className="switch"
            aria-describedby={`${id}-hint`}
            checked={value === 'true'}
            onCheckedChange={(is) => onChange(String(is))}
          >
            <Switch.Thumb className="switch-thumb" />
          </Switch.Root>
        )}
        {field.kind === 'lines' && (
          <textarea {...props} rows={field.name === 'system_prompt' ? 8 : 3} dir="auto" onChange={(event) => onChange(event.target.value)} />
        )}
        {field.kind === 'zone' && (
          <select {...props} className="select" onChange={(event) => onChange(event.target.value)}>
            {zones(value).map((zone) => <option key={zone}>{zone}</option>)}
          </select>
        )}
        {(field.kind === 'text' || field.kind === 'names' || field.kind === 'clock') && (
          <input {...props} type={field.kind === 'clock' ? 'time' : 'text'} autoComplete="off" onChange={(event) => onChange(event.target.value)} />
        )}
        {(field.kind === 'count' || field.kind === 'duration') && (
          <input
            {...props}
            type="number"
            min={field.kind === 'count' ? field.min : 0}
            max={field.max}
            step={field.kind === 'count' ? (field.step ?? 1) : 'any'}
            placeholder={field.isOptional ? t('common.none') : undefined}
            onChange={(event) => onChange(event.target.value)}
          />
        )}
        {field.kind === 'choices' && (
          <Choices id={id} options={field.options} value={value} onChange={onChange} />
        )}
        {field.kind === 'duration' && <span className="unit">{t(`numbers.unit.${field.unit}`)}</span>}
      </div>
      <p className="quiet-words" id={`${id}-hint`}>{hint}</p>
      {field.name === 'openai_model' && <ModelEnd model={value} />}
    </div>
  )
}

function Choices({ id, options, value, onChange }: {
  id: string
  options: readonly ('automatic_message' | 'reaction' | 'goodbye')[]
  value: string
  onChange: (value: string) => void
}) {
  const { t } = useTranslation()
  const chosen = value.split(', ').filter(Boolean)
  return (
    <div className="choices" id={id} role="group" aria-describedby={`${id}-hint`}>
      {options.map((option) => (
        <label key={option} className="check">
          <input
            type="checkbox"
            checked={chosen.includes(option)}
            onChange={(event) =>
              onChange(options.filter((one) => (one === option ? event.target.checked : chosen.includes(one))).join(', '))}
          />
          {t(`numbers.choice.${option}`)}
        </label>
      ))}
    </div>
  )
}

function zones(own: string): string[] {
  const known = ['UTC', ...Intl.supportedValuesOf('timeZone')]
  return known.includes(own) ? known : [own, ...known]
}
