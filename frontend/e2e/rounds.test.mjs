// A commenting round and its settlement by plain forms without JavaScript: statements of heads, settling one after another, a
// dispute; and what those pages look like on a phone, at 200 % and to axe.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { launch, person, start } from './office.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

async function violations(page) {
  const session = await page.context().newCDPSession(page)
  try {
    const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: (await session.send('Page.getFrameTree')).frameTree.frame.id })
    await session.send('Runtime.evaluate', { expression: axe, contextId: executionContextId })
    const { result } = await session.send('Runtime.evaluate', { contextId: executionContextId, awaitPromise: true, returnByValue: true,
      expression: `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')))` })
    return result.value
  } finally {
    await session.detach()
  }
}

/** Nothing for axe and no sideways scroll: desktop, 200 % zoom of a laptop, a phone; light and dark. */
async function look(page, name) {
  for (const [width, height, scheme] of [[1280, 900, 'light'], [640, 450, 'light'], [320, 700, 'light'], [320, 700, 'dark']]) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width, height })
    await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))))
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/${name}-${width}${scheme === 'dark' ? 'd' : ''}.png`, fullPage: true })
    assert.ok(wide <= 0, `${name} at ${width} px scrolls sideways by ${wide} px`)
    assert.deepEqual(await violations(page), [], `${name} ${scheme} ${width}`)
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1280, height: 900 })
}

test('a round is spoken to, ended, settled and disputed by plain forms', { timeout: 300_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const plain = (login) => person(browser, office, login, { javaScriptEnabled: false })
  const says = (page, text) => page.locator('main').filter({ hasText: text }).waitFor() // what is still coming in counts, too

  const lawyers = await plain('pokorna')
  await lawyers.goto(office.url + '/')
  await lawyers.locator('main table').getByRole('link', { name: /Potvrdit stanovisko/ }).first().click()
  const doc = new URL(lawyers.url()).pathname.replace(/\/round$/, '')
  await lawyers.getByLabel('souhlas bez připomínek').check()
  await lawyers.getByRole('button', { name: 'Potvrdit stanovisko' }).click()
  await says(lawyers, /Útvar má připomínky \(2\)/)
  await lawyers.getByLabel('s připomínkami').check()
  await lawyers.getByRole('button', { name: 'Potvrdit stanovisko' }).click()
  await says(lawyers, /Stanovisko je potvrzeno/)

  const economists = await plain('horakova')
  await economists.goto(office.url + doc + '/round')
  await economists.getByRole('radio', { name: 'nesouhlas' }).check()
  await economists.getByLabel(/Vyjádření útvaru/).fill('Odhad nákladů chybí.')
  await economists.getByRole('button', { name: 'Potvrdit stanovisko' }).click()

  const looker = await person(browser, office, 'dvorakova')
  await looker.goto(office.url + '/documents?state=commenting')
  const owner = (await looker.locator(`a[href="${doc}"]`).count()) ? 'dvorakova' : 'novak'
  await looker.goto(office.url + doc + '/round')
  await look(looker, 'round')
  await looker.goto(office.url + doc + '/settlement')
  await look(looker, 'settlement')

  const drafter = await plain(await drafterOf(browser, office, doc, owner))
  await drafter.goto(office.url + doc + '/round')
  await drafter.getByRole('button', { name: 'Ukončit kolo' }).click()
  await says(drafter, /Připomínkové kolo je ukončeno/)
  await drafter.goto(office.url + doc + '/settlement')
  await drafter.getByRole('link', { name: 'Vypořádat po jedné' }).click()
  const at = drafter.url()
  await drafter.getByLabel('Výsledek').selectOption('rejected')
  await drafter.getByRole('button', { name: 'Uložit a další' }).click()
  assert.equal(await drafter.locator('#e-sr').count(), 1, 'a rejection without reasoning is refused beside its field')
  for (let i = 0; i < 3; i++) {
    await drafter.locator('#s-outcome').selectOption('rejected')
    await drafter.locator('#s-reasoning').fill('Zůstává, jak je.')
    await drafter.getByRole('button', { name: 'Uložit a další' }).click()
  }
  await says(drafter, /Nevypořádaná připomínka už žádná není/)
  assert.notEqual(drafter.url(), at)

  await lawyers.goto(office.url + doc + '/settlement?show=major')
  await lawyers.locator('table.settlement th[scope=row] a').first().click()
  await lawyers.getByLabel(/Odůvodnění \(u trvání/).fill('Zákon to žádá.')
  await lawyers.getByRole('button', { name: 'Trváme na připomínce' }).click()
  await says(lawyers, /1. úroveň: jednají vedoucí odborů/)
  await lawyers.locator('summary', { hasText: 'Postoupit na 2. úroveň' }).click()
  await lawyers.getByLabel('Kdo rozhodne').selectOption({ label: (await lawyers.locator('#d-who option', { hasText: 'Urban' }).innerText()) })
  await lawyers.getByLabel('Na čem se vedoucí neshodli').fill('Na druhu podpisu.')
  await lawyers.getByRole('button', { name: 'Postoupit na 2. úroveň' }).click()
  await says(lawyers, /Karel Urban/)
  await drafter.goto(office.url + doc)
  await drafter.getByRole('button', { name: 'Zmrazit znění' }).click()
  await says(drafter, /otevřené rozpory: 1/)

  const director = await plain('urban')
  await director.goto(office.url + '/')
  await director.locator('main table').getByRole('link', { name: /Rozhodnout rozpor/ }).first().click()
  const page = await person(browser, office, 'urban')
  await page.goto(director.url())
  await look(page, 'settle')
  await director.getByLabel('Rozhodnutí nebo dohoda vlastními slovy').fill('Znění zůstává.')
  await director.getByRole('button', { name: 'Připomínce nevyhovět' }).click()
  await says(director, /Rozhodnuto proti připomínce/)
  await drafter.goto(office.url + doc)
  await drafter.getByRole('button', { name: 'Zmrazit znění' }).click()
  await says(drafter, /Znění je zmrazeno/)

  await looker.goto(office.url + doc + '/round/1/changes')
  await look(looker, 'changes')
  for (const form of ['docx', 'pdf', 'csv', 'json']) {
    const response = await drafter.request.get(`${office.url}${doc}/versions/1/settlement.${form}`)
    assert.equal(response.status(), 200, form)
  }
})

/** Whoever of the two writes the material of the demo that is being commented on. */
async function drafterOf(browser, office, doc, guess) {
  for (const login of [guess, 'novak', 'dvorakova', 'kralova', 'vesela']) {
    const page = await person(browser, office, login)
    await page.goto(office.url + doc + '/round')
    const may = await page.getByRole('button', { name: 'Ukončit kolo' }).count()
    await page.context().close()
    if (may) return login
  }
  throw new Error('nobody may end the round')
}
