import type { ReactNode } from 'react'
import { Icon, type IconName } from './Icon'

/** A place with nothing in it yet: what it is, and what makes something appear. */
export function Empty({ icon, title, isWholePage = false, children }: {
  icon: IconName
  title: string
  /** Nothing else on the page has a heading. */
  isWholePage?: boolean
  children?: ReactNode
}) {
  const Title = isWholePage ? 'h1' : 'h2'
  return (
    <div className="empty">
      <span className="empty-icon"><Icon name={icon} size={26} /></span>
      <Title className="empty-title">{title}</Title>
      {children}
    </div>
  )
}
