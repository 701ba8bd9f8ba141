import { Menu as Base } from '@base-ui/react/menu'
import type { ReactNode } from 'react'
import { Icon, type IconName } from './Icon'

/** A button that opens a list of actions. */
export function Menu({ label, icon, children, className = 'plain icon-only' }: {
  label: string
  icon: ReactNode
  children: ReactNode
  className?: string
}) {
  return (
    <Base.Root>
      <Base.Trigger className={className} aria-label={label} title={label}>{icon}</Base.Trigger>
      {/* In the page's main part: what a screen reader meets belongs to a landmark. */}
      <Base.Portal container={document.querySelector('main')}>
        <Base.Positioner
          className="menu-place"
          positionMethod="fixed"
          sideOffset={6}
          collisionPadding={8}
          align="end"
        >
          <Base.Popup className="menu">{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

export function MenuAction({ icon, children, onClick, isDanger }: {
  icon: IconName
  children: ReactNode
  onClick: () => void
  isDanger?: boolean
}) {
  return (
    <Base.Item className={isDanger ? 'menu-item danger' : 'menu-item'} onClick={onClick}>
      <Icon name={icon} size={18} />
      {children}
    </Base.Item>
  )
}

/** One of several: the chosen one has a check mark. */
export function MenuChoice({ label, value, options, onChange }: {
  label: string
  value: string
  options: Record<string, string>
  onChange: (value: string) => void
}) {
  return (
    <Base.RadioGroup value={value} onValueChange={(chosen) => onChange(String(chosen))} aria-label={label}>
      <div className="menu-label" aria-hidden="true">{label}</div>
      {Object.entries(options).map(([key, words]) => (
        <Base.RadioItem key={key} value={key} className="menu-item" closeOnClick>
          <span className="menu-check">
            <Base.RadioItemIndicator><Icon name="check" size={16} /></Base.RadioItemIndicator>
          </span>
          {words}
        </Base.RadioItem>
      ))}
    </Base.RadioGroup>
  )
}

export function MenuLine() {
  return <Base.Separator className="menu-line" />
}
