// Every page of the route table: no accessibility violation that axe can find,
// light and dark, 320 px and desktop, Czech and English; usable without
// JavaScript; small.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { launch, person, start } from './office.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const JS_PAGE = 15 * 1024
const JS_EDITOR = 150 * 1024
const CITIZEN_HTML = 30 * 1024

/** The addresses that somebody with this login can open, from links followed two steps deep, one per kind of page. */
async function crawl(page, office, seeds) {
  const kind = (path) => path.replace(/\/(m|c|b|g|x|mt|v|p|a)-[a-z0-9]+/g, '/{id}').replace(/[0-9a-f]{64}/g, '{hash}').replace(/\/versions\/\d+/, '/versions/{n}').replace(/\?.*/, (q) => '?' + [...new URLSearchParams(q).keys()].sort().join('&')).replace(/\/stav\/[\d-]+/, '/stav/{number}').replace(/^\/register\/(?!new|import|plan|export)[a-z0-9.-]+/, '/register/{agenda}').replace(/(\{agenda\}\/[a-z]+)\/[a-z0-9-]+/, '$1/{key}')
  const found = new Map()
  let queue = [...seeds]
  for (let depth = 0; depth < 4; depth++) {
    const next = []
    for (const path of queue) {
      if (found.has(kind(path)) || /\.(pdf|docx|md|json|atom|zip|csv|txt|ics)(\?|$)|\/(export|checkpoint|manifest)|\/attachments\//.test(path)) continue
      const response = await page.goto(office.url + path).catch(() => null) // a download ends the navigation
      if (!response || !(response.headers()['content-type'] ?? '').startsWith('text/html')) continue
      assert.ok(response.status() < 500, `${path} answers ${response.status()}`)
      found.set(kind(path), path)
      next.push(...await page.$$eval('a[href^="/"]', (as) => as.map((a) => a.getAttribute('href').replace(/#.*/, ''))))
    }
    queue = next
  }
  return [...found.values()]
}

test('every page is accessible, small and usable without JavaScript', { timeout: 900_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const seen = new Set()

  for (const [login, seeds] of [
    [null, ['/sign-in', '/stav', '/stav/2000-000-000', '/no/such/page']],
    ['dvorakova', ['/', '/documents/new', '/account', '/deputies', '/course']],
    ['horakova', ['/notices']],
    ['kolar', ['/signing', '/signing?all=1']], // and the pages between the basket and the report, below
    ['vesela', ['/agendas', '/agendas/rada/scope', '/documents?q=hasi', '/search?q=kraje', '/search?q=nesmysl', '/meetings', '/tasks']],
    ['cermak', ['/audit']],
    ['spravce', ['/accounts', '/accounts/new', '/agendas/new', '/register', '/register/materialy', '/register/plan', '/register/import', '/register/new']],
  ]) {
    const page = login ? await person(browser, office, login) : await (await browser.newContext()).newPage()
    const paths = (await crawl(page, office, seeds)).filter((p) => !seen.has(p))
    assert.ok(paths.length > 0, `${login} can open something`)
    for (const p of paths) seen.add(p)
    await t.test(`${login ?? 'nobody'}: ${paths.length} pages`, async () => {
      for (const path of paths) await check(page, office, path)
      if (login === 'kolar') await signTwo(page, office)
      if (login === 'dvorakova') await compare(page, office)
      if (login === 'vesela') await programme(page, office)
      if (login === 'dvorakova') await imported(page, office)
    })
    await page.context().close()
  }
  t.diagnostic(`${seen.size} pages: ${[...seen].join(' ')}`)
  assert.ok(seen.size >= 30, `only ${seen.size} pages were found`)
})

/** The pages that only forms lead to: confirmation, progress, report. */
async function signTwo(page, office) {
  await page.goto(office.url + '/signing')
  for (const i of [0, 1]) await page.locator('input[name=version]').nth(i).check()
  await page.locator('.sign-act button').click()
  await measure(page, '/signing/confirm')
  await page.fill('#password', office.password)
  await page.locator('form[action="/signing/batches"] button.btn').click()
  await page.waitForURL(/\/signing\/batches\//)
  await page.locator('main .chip--ok[data-step]').nth(1).waitFor()
  const batch = new URL(page.url()).pathname
  const report = await page.locator('a[href^="/signing/versions/"]:not([href$=pdf])').first().getAttribute('href')
  for (const path of [batch, report, '/signing']) await check(page, office, path)
}

/** Points of a programme in every state of the demo: decided with its resolution and tasks, being discussed, planned. */
async function programme(page, office) {
  await page.goto(office.url + '/meetings')
  await page.goto(office.url + await page.locator('main table a', { hasText: 'Schůze rady' }).first().getAttribute('href'))
  const points = await page.$$eval('main table a[href^="/documents/"]', (as) => as.map((a) => a.getAttribute('href')))
  assert.equal(points.length, 3)
  for (const path of points) await check(page, office, path)
  await page.goto(office.url + points[0])
  await check(page, office, await page.locator('a[href*="/resolutions/"]').first().getAttribute('href'))
}

async function compare(page, office) {
  await page.goto(office.url + '/documents?state=signing')
  const material = await page.locator('main table a[href^="/documents/m-"]').first().getAttribute('href')
  for (const view of ['side', 'column']) await check(page, office, `${material}/compare?from=1&to=0&view=${view}`)
}

/** A file in place of a text: refused beside its field, taken with a report. */
async function imported(page, office) {
  const send = async (name, bytes) => {
    await page.goto(office.url + '/documents/new')
    await page.fill('#n-title', 'Z Wordu')
    await page.setInputFiles('#n-file', { name, mimeType: 'application/octet-stream', buffer: bytes })
    await page.locator('main form.form button.btn').click()
    await page.locator('main h1').waitFor()
  }
  await send('star.doc', Buffer.from('d0cf11e0a1b11ae1', 'hex'))
  assert.match(await page.locator('#e-file').innerText(), /starém formátu/)
  await measure(page, 'a refused file')
  await send('material.docx', await readFile(new URL('../../documents/office/testdata/docxjs.docx', import.meta.url)))
  assert.match(new URL(page.url()).pathname, /\/import\//)
  await measure(page, 'the report of an import')
}

async function check(page, office, path) {
  const scripts = []
  const note = async (r) => { if (r.url().endsWith('.js') || r.url().includes('.js?')) scripts.push(r) }
  page.on('response', note)
  const response = await page.goto(office.url + path)
  page.off('response', note)
  const editor = /^\/documents\/.*\/edit$/.test(path)
  if (editor) await page.locator('.ProseMirror').waitFor()
  const html = await response.body()
  if (path.startsWith('/stav')) {
    assert.equal(scripts.length, 0, `${path} loads a script`)
    assert.ok(html.length < CITIZEN_HTML, `${path} has ${html.length} bytes`)
  }
  let size = 0
  for (const s of scripts) size += gzipSync(await s.body(), { level: 9 }).length
  assert.ok(size <= (editor ? JS_EDITOR : JS_PAGE), `${path} loads ${size} bytes of script`)

  await measure(page, path)
}

/** The page as it stands: nothing for axe, no sideways scroll, light and dark, 320 px and desktop. */
async function measure(page, path) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 800 })
      await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))))
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      assert.ok(wide <= 0, `${path} at ${width} px scrolls sideways by ${wide} px`)
      const violations = await violationsOf(page)
      assert.deepEqual(violations, [], `${path} ${colorScheme} ${width}`)
    }
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1280, height: 900 })
}

/** axe is run in the page's own world through the debugger, which our content security policy does not reach. */
async function violationsOf(page) {
  const session = await page.context().newCDPSession(page)
  try {
    const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: (await session.send('Page.getFrameTree')).frameTree.frame.id })
    await session.send('Runtime.evaluate', { expression: axe, contextId: executionContextId })
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', { contextId: executionContextId, awaitPromise: true, returnByValue: true,
      expression: `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(' | ')))` })
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return result.value
  } finally {
    await session.detach()
  }
}

test('a page without JavaScript does its work: a comment, a freeze and a route by plain forms', { timeout: 120_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const page = await person(browser, office, 'kralova', { javaScriptEnabled: false })
  await page.goto(office.url + '/documents/new')
  await page.fill('#n-title', 'Bez skriptu')
  await page.fill('#n-markdown', '# Bez skriptu\n\nOdstavec k připomínce.\n')
  await page.click('main form.form button.btn')
  const path = new URL(page.url()).pathname
  assert.match(path, /^\/documents\/m-/)
  await page.goto(office.url + path + '/text')
  assert.match(await page.locator('main').innerText(), /Odstavec k připomínce/)
  await page.goto(office.url + path)
  await page.getByRole('button', { name: /Zmrazit/ }).click()
  await page.goto(office.url + path + '/versions/1')
  assert.match(await page.locator('main').innerText(), /Odstavec k připomínce/)
  const pdf = await page.context().request.get(office.url + path + '/versions/1/document.pdf')
  assert.equal((await pdf.body()).subarray(0, 5).toString(), '%PDF-')
})
