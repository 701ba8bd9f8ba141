import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/** GitHub Pages serves 404.html for a path it does not know: our addresses are such paths. */
function spaFallback(): Plugin {
  let folder = ''
  return {
    name: 'spa-fallback',
    apply: 'build',
    configResolved: ({ root, build }) => void (folder = join(root, build.outDir)),
    closeBundle: () => copyFile(join(folder, 'index.html'), join(folder, '404.html')),
  }
}

// The gateway serves it below /inbox/; on a host of its own: vite build --base=/
export default defineConfig({
  base: '/inbox/',
  plugins: [spaFallback()],
  // Nothing as a data: URL: the Content-Security-Policy names no such source.
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    rolldownOptions: { checks: { moduleLevelDirective: false } }, // of the libraries' 'use client'
  },
})
