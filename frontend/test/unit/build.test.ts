import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = new URL('../..', import.meta.url).pathname
const dirs = ['a', 'b'].map(n => mkdtempSync(join(tmpdir(), `build-${n}-`)))
const files = (dir: string) => Object.fromEntries(readdirSync(dir).sort().map(f => [f, readFileSync(join(dir, f))]))
const gz = (b: Buffer) => Math.round(gzipSync(b, { level: 9 }).length / 102.4) / 10

beforeAll(async () => { for (const outDir of dirs) await build({ root, logLevel: 'silent', build: { outDir, emptyOutDir: true } }) })
afterAll(() => { for (const d of dirs) rmSync(d, { recursive: true }) })

test('two builds of the same sources give the same bytes', () => {
  const sums = dirs.map(d => Object.entries(files(d)).map(([f, b]) => `${f} ${createHash('sha256').update(b).digest('hex')}`))
  expect(sums[0]).toEqual(sums[1])
})

test('scripts and styles stay within their budgets (KB gzipped)', () => {
  const all = files(dirs[0])
  expect(gz(all['editor.js'])).toBeLessThanOrEqual(150)
  for (const f of Object.keys(all)) if (f.endsWith('.js') && f !== 'editor.js') expect({ f, ok: gz(all[f]) <= 15 }).toEqual({ f, ok: true })
  expect(gz(all['editor.css']) + gz(all['pages.css'])).toBeLessThanOrEqual(12)
})

test('nothing built puts HTML text into the page or asks another host', () => {
  const js = files(dirs[0])['editor.js'].toString()
  expect(js).not.toContain('dangerouslySetInnerHTML:')
  expect(js.match(/fetch\(["'`]https?:/g)).toBe(null)
})
