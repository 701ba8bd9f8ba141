import { CSPProvider } from '@base-ui/react/csp-provider'
import { QueryClientProvider } from '@tanstack/react-query'
import i18next from 'i18next'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App'
import { readConfig } from './config'
import { connect } from './data/client'
import { queries } from './data/queries'
import { invitationInAddress } from './signin/invitation'
import { loadPhoneFormats } from './format/phone'
import { applyTheme } from './theme'
import { initWords } from './words'
import './style/index.css'

async function start() {
  applyTheme()
  invitationInAddress.keep()
  const [, config] = await Promise.all([initWords(), readConfig().catch(() => undefined)])
  const root = createRoot(document.getElementById('root')!)
  if (!config) return root.render(<p className="fatal" role="alert">{i18next.t('app.noConfig')}</p>)
  connect(config)
  root.render(
    <StrictMode>
      <CSPProvider disableStyleElements>
        <QueryClientProvider client={queries}>
          <App />
        </QueryClientProvider>
      </CSPProvider>
    </StrictMode>,
  )
  loadPhoneFormats()
}

void start()
