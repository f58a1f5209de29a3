import { existsSync, readdirSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

// Every island is an entry of its own: src/islands/signing.ts becomes signing.js.
const folder = new URL('src/islands', import.meta.url)
const islands = Object.fromEntries((existsSync(folder) ? readdirSync(folder) : []).filter(f => /^[a-z]+\.ts$/.test(f)).map(f => [f.slice(0, -3), `src/islands/${f}`]))

// File names are fixed: the Go side embeds dist and adds a hash of its own to
// the address, so the same sources give the same bytes under the same names.
export default defineConfig({
  base: '/assets/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    cssCodeSplit: true,
    modulePreload: false,
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { editor: 'src/editor/main.tsx', pages: 'src/css/pages.css', ...islands },
      output: { entryFileNames: '[name].js', chunkFileNames: '[name].js', assetFileNames: '[name][extname]' },
    },
  },
  test: { include: ['src/**/*.test.{ts,tsx}', 'test/unit/**/*.test.ts'], environment: 'node', testTimeout: 120_000 },
})
