import { Dialog as Base } from '@base-ui/react/dialog'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from './Icon'

/** A window over the page: focus stays in it, Escape closes it. With `isOnlyRead` nothing in it takes
    the focus, so that its body does: by the keyboard it could not be scrolled otherwise. */
export function Dialog({ title, isOpen, onClose, kind = 'center', isOnlyRead = false, children }: {
  title: string
  isOpen: boolean
  onClose: () => void
  kind?: 'center' | 'large' | 'side'
  isOnlyRead?: boolean
  children: ReactNode
}) {
  const { t } = useTranslation()
  return (
    <Base.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className={`dialog ${kind}`}>
          <header className="dialog-head">
            <Base.Title className="dialog-title">{title}</Base.Title>
            <Base.Close className="plain icon-only" aria-label={t('common.close')}>
              <Icon name="close" />
            </Base.Close>
          </header>
          <div className="dialog-body" tabIndex={isOnlyRead ? 0 : undefined}>{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}
