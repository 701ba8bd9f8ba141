import { useTranslation } from 'react-i18next'
import { useLocation } from 'wouter'
import { Dialog } from '../parts/Dialog'
import { useTell } from '../parts/Undo'
import { type KeyName, KEYS, useKeys } from './keys'

const SHOWN: Record<string, string> = { ArrowDown: '↓', ArrowUp: '↑', Escape: 'Esc' }

/** The list that "?" shows, and the keys that work everywhere. */
export function Shortcuts({ isOpen, setOpen }: { isOpen: boolean; setOpen: (open: boolean) => void }) {
  const { t } = useTranslation()
  const [, go] = useLocation()
  const { undo } = useTell()
  useKeys({
    help: () => setOpen(true),
    undo,
    conversations: () => go('/'),
    statistics: () => go('/statistics'),
    knowledge: () => go('/knowledge'),
    numbers: () => go('/numbers'),
    alerts: () => go('/alerts'),
    team: () => go('/team'),
  })

  return (
    <Dialog title={t('shortcuts.title')} isOpen={isOpen} onClose={() => setOpen(false)} isOnlyRead>
      <dl className="keys">
        {(Object.keys(KEYS) as KeyName[]).map((name) => (
          <div key={name}>
            <dt>{t(`shortcuts.${name}`)}</dt>
            <dd>
              {KEYS[name].map((keys) => (
                <span key={keys} className="chord">
                  {keys.split(' ').map((key) => <kbd key={key}>{SHOWN[key] ?? key}</kbd>)}
                </span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
