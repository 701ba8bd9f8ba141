import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'wouter'
import { useAccount, useMayManage } from '../account'
import { supabase } from '../data/client'
import type { OwnAccount } from '../data/team'
import { Icon, type IconName } from '../parts/Icon'
import { Menu, MenuAction, MenuChoice, MenuLine } from '../parts/Menu'
import { setTheme, type Theme, theme } from '../theme'
import { LANGUAGES, setLanguage } from '../words'

const SECTIONS = ['statistics', 'knowledge', 'numbers', 'alerts', 'team'] as const
const ICONS: Record<SectionName, IconName> = {
  statistics: 'chart',
  knowledge: 'book',
  numbers: 'phone',
  alerts: 'bell',
  team: 'people',
}
const FOR_ADMINS = ['knowledge', 'numbers', 'alerts']
/** Rarely opened: on a phone they stand in the menu, so that the others are wide enough for a thumb. */
const IN_MENU: string[] = ['numbers', 'alerts', 'team']

type SectionName = (typeof SECTIONS)[number]

type Props = { onHelp: () => void; accounts: OwnAccount[]; onAccount: (id: string) => void }

export function Navigation(props: Props) {
  const { t } = useTranslation()
  const [location] = useLocation()
  const mayManage = useMayManage()
  const section = SECTIONS.find((name) => location.split('/')[1] === name)
  const sections = SECTIONS.filter((name) => mayManage || !FOR_ADMINS.includes(name))

  return (
    <nav
      className={location === '/' || section ? 'rail' : 'rail in-thread'}
      aria-label={t('nav.label')}
    >
      <Section to="/" icon="chats" words={t('nav.conversations')} isOpen={!section} />
      {sections.map((name) => (
        <Section
          key={name}
          to={`/${name}`}
          icon={ICONS[name]}
          words={t(`nav.${name}`)}
          isOpen={section === name}
          isInMenu={IN_MENU.includes(name)}
        />
      ))}
      <span className="rail-gap" />
      <AccountMenu {...props} sections={sections.filter((name) => IN_MENU.includes(name))} open={section} />
    </nav>
  )
}

function Section({ to, icon, words, isOpen, isInMenu = false }: {
  to: string
  icon: IconName
  words: string
  isOpen: boolean
  isInMenu?: boolean
}) {
  return (
    <Link
      href={to}
      className={isInMenu ? 'rail-link on-desktop' : 'rail-link'}
      aria-current={isOpen ? 'page' : undefined}
    >
      <Icon name={icon} size={22} />
      <span>{words}</span>
    </Link>
  )
}

function AccountMenu({ onHelp, accounts, onAccount, sections, open }: Props & {
  sections: SectionName[]
  open: SectionName | undefined
}) {
  const { t, i18n } = useTranslation()
  const { user, id: account } = useAccount()
  const [, go] = useLocation()
  const [chosen, setChosen] = useState(theme)
  const holdsOpen = open !== undefined && sections.includes(open)
  const themes = { system: t('account.system'), light: t('account.light'), dark: t('account.dark') }

  return (
    <Menu
      label={t('nav.menu')}
      className={holdsOpen ? 'rail-link holds-open' : 'rail-link'}
      icon={<><Icon name="person" size={22} /><span>{t('nav.menu')}</span></>}
    >
      <div className="on-phone">
        {sections.map((name) => (
          <MenuAction key={name} icon={ICONS[name]} onClick={() => go(`/${name}`)}>{t(`nav.${name}`)}</MenuAction>
        ))}
        <MenuLine />
      </div>
      <div className="menu-label">
        {t('account.signedInAs')} <bdi>{user.email}</bdi>
      </div>
      {accounts.length > 1 && (
        <MenuChoice
          label={t('account.account')}
          value={account}
          options={Object.fromEntries(accounts.map((one) => [one.user_id, one.email]))}
          onChange={onAccount}
        />
      )}
      <MenuLine />
      <MenuChoice
        label={t('account.language')}
        value={i18n.language}
        options={LANGUAGES}
        onChange={(language) => void setLanguage(language)}
      />
      <MenuLine />
      <MenuChoice
        label={t('account.theme')}
        value={chosen}
        options={themes}
        onChange={(next) => {
          setTheme(next as Theme)
          setChosen(next as Theme)
        }}
      />
      <MenuLine />
      <Notifications />
      <div className="with-mouse">
        <MenuAction icon="keyboard" onClick={onHelp}>{t('account.shortcuts')}</MenuAction>
      </div>
      <MenuAction icon="leave" onClick={() => void supabase.auth.signOut()}>
        {t('account.signOut')}
      </MenuAction>
    </Menu>
  )
}

function Notifications() {
  const { t } = useTranslation()
  if (!('Notification' in window)) return null
  if (Notification.permission === 'granted') {
    return <div className="menu-label">{t('account.notifyOn')}</div>
  }
  if (Notification.permission === 'denied') {
    return <div className="menu-label">{t('account.notifyBlocked')}</div>
  }
  return (
    <MenuAction icon="bell" onClick={() => void Notification.requestPermission()}>
      {t('account.notify')}
    </MenuAction>
  )
}
