import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { SAMPLE, type SeedBlock, seed, type Server, start } from '../server/server.mjs'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** An office with a server and a browser; each person gets a window of his own. */
export class Office {
  readonly errors: string[] = []
  private constructor(readonly server: Server, private readonly browser: Browser) {}
  static async open(blocks: SeedBlock[] = SAMPLE, port = 0): Promise<Office> {
    const server = await start({ port, fill: d => seed(d, blocks) })
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
    return new Office(server, browser)
  }
  async close() { await this.browser.close(); await this.server.stop() }
  async person(who: string, o: BrowserContextOptions & { document?: string; clock?: boolean; bypass?: boolean } = {}): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, ...(o.bypass ? { bypassCSP: true } : {}), ...o })
    const page = await context.newPage()
    page.on('pageerror', e => this.errors.push(`${who}: ${e.message}`))
    page.on('console', m => { if (m.type() === 'error' && !/favicon|ERR_CONNECTION|WebSocket/.test(m.text() + m.location().url)) this.errors.push(`${who}: ${m.text()}`) })
    if (o.clock) await page.clock.install()
    await page.goto(`${this.server.url}/documents/${o.document ?? 'm1'}/edit?as=${who}`)
    await page.waitForSelector('.paper')
    return page
  }
}

/** select puts the selection on a piece of text, or the caret before it, the way a mouse does. */
export async function select(page: Page, text: string, caret = false) {
  await page.evaluate(([t, c]) => {
    const paper = document.querySelector<HTMLElement>('.paper')!
    paper.focus()
    const w = document.createTreeWalker(paper, 4)
    while (w.nextNode()) {
      const n = w.currentNode as Text
      const i = n.data.indexOf(t as string)
      if (i < 0) continue
      const r = document.createRange()
      r.setStart(n, i)
      r.setEnd(n, c ? i : i + (t as string).length)
      getSelection()!.removeAllRanges()
      getSelection()!.addRange(r)
      return
    }
    throw new Error(`"${t}" is not on the page`)
  }, [text, caret] as const)
  await page.waitForTimeout(30)
}

export const textOf = (page: Page) => page.evaluate(() => [...document.querySelectorAll('.paper > *:not(table), .paper td > *, .paper th > *')].map(e => e.textContent ?? ''))

export async function axe(page: Page) {
  await page.evaluate(axeSource)
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(o: unknown): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }
    const r = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    return r.violations.map(v => `${v.id}: ${v.nodes.map(n => `${n.html.slice(0, 160)} ${n.failureSummary}`).slice(0, 3).join(' | ')}`)
  })
}
