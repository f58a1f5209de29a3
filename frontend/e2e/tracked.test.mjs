// Two officials suggest changes in one draft: typing, deleting, splitting and
// joining, a style, a dead key. One accepts a change, rejects another, then all;
// freezing is refused before that, says where the changes are, and works after it.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { launch, person, start } from './office.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = process.env.SPOLUPIS_PICTURES

async function eventually(what, look, ms = 20_000) {
  const end = Date.now() + ms
  let last
  for (;;) {
    try { last = await look(); if (last) return last } catch (e) { last = e }
    if (Date.now() > end) assert.fail(`${what}: ${last}`)
    await new Promise((r) => setTimeout(r, 100))
  }
}

/** Selects a piece of the text the way a mouse does, or puts the caret before it. */
async function select(page, text, caret = false) {
  await page.evaluate(([t, c]) => {
    const paper = document.querySelector('.paper')
    paper.focus()
    const w = document.createTreeWalker(paper, 4)
    while (w.nextNode()) {
      const i = w.currentNode.data.indexOf(t)
      if (i < 0) continue
      const r = document.createRange()
      r.setStart(w.currentNode, i)
      r.setEnd(w.currentNode, c ? i : i + t.length)
      getSelection().removeAllRanges()
      getSelection().addRange(r)
      return
    }
    throw new Error(`"${t}" is not on the page: ${paper.textContent}`)
  }, [text, caret])
  await page.waitForTimeout(60)
}

/** The text with {+insertions+} and {-deletions-}, a line for each paragraph. */
const shown = (page) => page.evaluate(() => [...document.querySelectorAll('.paper > *')].map((p) => {
  let out = p.hasAttribute('data-ins') ? '+' : p.hasAttribute('data-del') ? '-' : ''
  const walk = (n) => {
    if (n.nodeType === 3) { out += n.data; return }
    const sign = n.nodeName === 'INS' ? '+' : n.nodeName === 'DEL' ? '-' : ''
    if (sign) out += `{${sign}`
    for (const c of n.childNodes) walk(c)
    if (sign) out += `${sign}}`
  }
  for (const c of p.childNodes) walk(c)
  return out
}).join('\n'))

async function violations(page) {
  await page.evaluate(axe)
  return page.evaluate(async () => (await globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 200)).slice(0, 3).join(' | ')}`))
}

test('two officials suggest, one decides, and the text can be frozen', { timeout: 300_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const alena = await person(browser, office, 'dvorakova', { bypassCSP: true })
  const petr = await person(browser, office, 'novak')
  const errors = []
  for (const p of [alena, petr]) p.on('pageerror', (e) => errors.push(e.message))

  await alena.goto(office.url + '/documents/new')
  await alena.fill('#n-title', 'Materiál s návrhy změn')
  await alena.selectOption('#n-agenda', 'rada')
  await alena.fill('#n-markdown', '# Úvod\n\nRada schvaluje dotaci ve výši 100 Kč.\n\nDruhý odstavec zůstává.\n\nTřetí odstavec se připojí.\n')
  await alena.click('main form.form button.btn')
  await alena.waitForURL(/\/documents\/m-\w+$/)
  const path = new URL(alena.url()).pathname
  await alena.locator('#s-people ~ details > summary').click()
  await alena.selectOption('#o-subject', await alena.locator('#o-subject option', { hasText: 'Petr Novák' }).first().getAttribute('value'))
  await alena.selectOption('#o-relation', 'editor')
  await alena.locator('#s-people ~ details form button').click()
  await alena.waitForLoadState()
  await Promise.all([alena, petr].map((p) => p.goto(office.url + path + '/edit')))
  await Promise.all([alena, petr].map((p) => p.locator('.paper').waitFor()))
  const same = async (want) => { for (const p of [alena, petr]) await eventually(`shows ${want}`, async () => { const got = await shown(p); assert.equal(got, want); return true }) }

  // Petr turns suggesting on by keyboard and writes over a selection; what he does not change stays.
  await select(petr, '100', true)
  await petr.keyboard.press('Control+Shift+E')
  assert.equal(await petr.getByRole('button', { name: /Navrhování zapnuto/ }).getAttribute('aria-pressed'), 'true')
  await select(petr, '100')
  await petr.keyboard.type('250')
  // Enter, then Backspace over the end of a paragraph.
  await select(petr, 'zůstává', true)
  await petr.keyboard.press('Enter')
  await select(petr, 'Třetí', true)
  await petr.keyboard.press('Backspace')
  await same('Úvod\nRada schvaluje dotaci ve výši {-100-}{+250+} Kč.\nDruhý odstavec \n+zůstává.\n-Třetí odstavec se připojí.')

  // Alena suggests too: a style, letters deleted one by one in the browser's own way, and a dead key.
  await alena.getByRole('button', { name: 'Navrhovat změny' }).click()
  await select(alena, 'Druhý', true)
  await alena.keyboard.press('Control+Alt+2')
  await select(alena, 'schvaluje', true)
  for (let i = 0; i < 5; i++) await alena.keyboard.press('Backspace')
  await same('Úvod\n{-Rada -}schvaluje dotaci ve výši {-100-}{+250+} Kč.\nDruhý odstavec \n+zůstává.\n-Třetí odstavec se připojí.')
  await alena.keyboard.type('Zastupitelstvo ')
  await select(alena, 'dotaci', true)
  const cdp = await alena.context().newCDPSession(alena)
  await cdp.send('Input.imeSetComposition', { text: 'ˇ', selectionStart: 1, selectionEnd: 1 })
  await cdp.send('Input.imeSetComposition', { text: 'č', selectionStart: 1, selectionEnd: 1 })
  await cdp.send('Input.insertText', { text: 'č' })
  await alena.keyboard.type('ást ')
  await select(alena, 'připojí')
  await cdp.send('Input.imeSetComposition', { text: 'ř', selectionStart: 1, selectionEnd: 1 })
  await cdp.send('Input.insertText', { text: 'řadí' })
  await same('Úvod\n{+Zastupitelstvo +}{-Rada -}schvaluje {+část +}dotaci ve výši {-100-}{+250+} Kč.\nDruhý odstavec \n+zůstává.\n-Třetí odstavec se {+řadí+}{-připojí-}.')
  await eventually('the heading is seen', async () => (await petr.locator('.paper h3[data-was]', { hasText: 'Druhý' }).count()) === 1)

  // A comment can be written while the list of changes stands beside the text.
  await select(alena, 'Úvod')
  await alena.keyboard.press('Control+Alt+M')
  await alena.locator('#comment-text').waitFor()
  await alena.getByRole('button', { name: 'Zrušit' }).click()
  await alena.getByRole('button', { name: 'Návrhy změn (7)' }).click()

  // The list says who, in words, and passes axe, wide and at 320 px.
  const cards = alena.locator('.changes > li')
  await eventually('seven changes', async () => (await cards.count()) === 7)
  await eventually('names are known', async () => (await alena.locator('.changes').innerText()).includes('Petr Novák'))
  assert.match(await cards.first().innerText(), /Alena Dvořáková[\s\S]*Vložit:\s*Zastupitelstvo[\s\S]*Vypustit:\s*Rada/)
  if (pictures) await alena.screenshot({ path: join(pictures, 'tracked.png') })
  assert.deepEqual(await violations(alena), [])
  await alena.setViewportSize({ width: 320, height: 640 })
  const toggle = alena.getByRole('button', { name: /7 návrhů změn/ })
  if (await toggle.getAttribute('aria-expanded') === 'false') await toggle.click()
  assert.ok(await alena.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scrolling at 320 px')
  assert.deepEqual(await violations(alena), [])
  if (pictures) await alena.screenshot({ path: join(pictures, 'tracked-320.png') })
  await alena.getByRole('button', { name: 'Zavřít' }).click()
  await alena.setViewportSize({ width: 1280, height: 900 })

  // Whoever reads sees the proposals; freezing says where they are.
  await petr.goto(office.url + path + '/text')
  assert.equal(await petr.locator('.doc-paper ins', { hasText: '250' }).count(), 1)
  await petr.getByRole('link', { name: 'Seznam návrhů změn' }).click()
  await petr.locator('.doc-changes > li', { hasText: 'Petr Novák' }).first().waitFor()
  assert.equal(await petr.locator('.doc-changes > li').count(), 7)
  assert.equal(await petr.locator('.notice--warn').count(), 0, 'everybody wrote what he says')
  const owner = await alena.context().newPage()
  await owner.goto(office.url + path)
  await owner.getByRole('button', { name: /Zmrazit/ }).click()
  await owner.getByText(/čekají návrhy změn \(7\)/).waitFor()
  await owner.getByRole('link', { name: 'Seznam návrhů změn' }).waitFor()
  await owner.close()

  // Alena accepts one, rejects another by keyboard, takes that back, and accepts the rest.
  await cards.filter({ hasText: 'Vypustit: Rada' }).getByRole('button', { name: 'Přijmout' }).click()
  await eventually('six are left', async () => (await cards.count()) === 6)
  const raise = cards.filter({ hasText: '250' })
  await raise.getByRole('button', { name: 'Odmítnout' }).focus()
  await alena.keyboard.press('Enter')
  await eventually('rejecting gives the old text back', async () => (await shown(alena)).includes('ve výši 100 Kč.'))
  await alena.locator('.paper').focus()
  await alena.keyboard.press('Control+Z')
  await eventually('undo brings the proposal back', async () => (await shown(alena)).includes('{-100-}{+250+}'))
  await raise.getByRole('button', { name: 'Odmítnout' }).click()
  await alena.locator('.paper').focus()
  await alena.keyboard.press('F8')
  await alena.getByRole('button', { name: 'Přijmout vše' }).click()
  await alena.getByRole('alertdialog').getByRole('button', { name: 'Přijmout vše' }).click()
  await eventually('all is decided', async () => (await shown(alena)) === 'Úvod\nZastupitelstvo schvaluje část dotaci ve výši 100 Kč.\nDruhý odstavec \nzůstává.Třetí odstavec se řadí.')
  assert.equal(await cards.count(), 0)
  await alena.getByText(/Uloženo v \d/).waitFor()
  await alena.goto(office.url + path)
  await alena.getByRole('button', { name: /Zmrazit/ }).click()
  await alena.getByText('Verze 1').first().waitFor()
  const md = await alena.context().request.get(office.url + path + '/versions/1/document.md')
  assert.equal(await md.text(), '# Úvod\n\nZastupitelstvo schvaluje část dotaci ve výši 100 Kč.\n\n## Druhý odstavec&#32;\n\nzůstává.Třetí odstavec se řadí.\n')
  assert.deepEqual(errors, [])
})

test('an official imports a file with tracked changes and decides on them', { timeout: 300_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const page = await person(browser, office, 'dvorakova', { bypassCSP: true })
  const errors = []
  page.on('pageerror', (e) => errors.push(e.message))
  const cards = page.locator('.changes > li')
  const bring = async (name) => {
    await page.goto(office.url + '/documents/new')
    await page.fill('#n-title', 'Z Wordu')
    await page.selectOption('#n-agenda', 'rada')
    await page.setInputFiles('#n-file', new URL(`../../documents/office/testdata/${name}`, import.meta.url).pathname)
    await page.click('main form.form button.btn')
    await page.waitForURL(/\/import\//)
    return new URL(page.url()).pathname.split('/import/')[0]
  }
  const write = async (path) => {
    await page.goto(office.url + path + '/edit#changes')
    await page.locator('.paper').waitFor()
    await eventually('the changes are listed', async () => (await cards.count()) > 0)
  }
  const decideAll = async (what) => {
    await page.getByRole('button', { name: what }).click()
    await page.getByRole('alertdialog').getByRole('button', { name: what }).click()
    await eventually('all is decided', async () => (await cards.count()) === 0)
  }

  // What LibreOffice wrote: the report counts, the list names the authors of the file, axe finds nothing.
  const path = await bring('libreoffice-changes.docx')
  assert.match(await page.locator('main').innerText(), /Sledované změny v textu\s+8\s+jejich autoři podle souboru\s+Jan Novák, Eva Malá, Olga Právní\s+Připomínky\s+2/)
  assert.deepEqual(await violations(page), [])
  if (pictures) await page.screenshot({ path: join(pictures, 'imported-report.png'), fullPage: true })
  await page.goto(office.url + path + '/changes')
  assert.equal(await page.locator('.doc-changes > li', { hasText: '(podle souboru)' }).count(), 8)
  assert.equal(await page.locator('.notice--warn').count(), 0, 'nobody is called a forger')
  assert.deepEqual(await violations(page), [])
  if (pictures) await page.screenshot({ path: join(pictures, 'imported-changes.png'), fullPage: true })
  await write(path)
  assert.equal(await cards.count(), 8)
  const raise = cards.filter({ hasText: 'dvě stě tisíc' })
  assert.match(await raise.innerText(), /Eva Malá \(podle souboru\)[\s\S]*Vypustit:\s*sto tisíc[\s\S]*Vložit:\s*dvě stě tisíc/)
  assert.equal((await shown(page)).split('\n').slice(0, 8).join('\n'), 'Předkládací zpráva{+ k opravě mostu+}\nRada schvaluje částku {-sto tisíc-}{+dvě stě tisíc+} korun z rozpočtu kraje.\nPrvní polovina věty\n- a její druhá polovina.\nPřed vloženým\n+{+Odstavec vložený celý.+}\n+{+Začátek vložený k odstavci: +}za vloženým.\n-{-Tento odstavec odejde celý.-}')
  assert.deepEqual(await violations(page), [])
  if (pictures) await page.screenshot({ path: join(pictures, 'imported-editor.png') })

  // One is accepted, those in a selection too, and all others rejected: the rest is the original.
  await raise.getByRole('button', { name: 'Přijmout' }).click()
  await eventually('seven are left', async () => (await cards.count()) === 7)
  await select(page, 'zveřejnit')
  await page.getByRole('button', { name: 'Přijmout označené (1)' }).click()
  await eventually('six are left', async () => (await cards.count()) === 6)
  await decideAll('Odmítnout vše')
  assert.equal((await shown(page)).split('\n').slice(0, 11).join('\n'), 'Předkládací zpráva\nRada schvaluje částku dvě stě tisíc korun z rozpočtu kraje.\nPrvní polovina věty\n a její druhá polovina.\nPřed vloženýmza vloženým.\nTento odstavec odejde celý.\nOdstavec, který zůstane.\nKraj ukládá\npřipravit smlouvu,\nzveřejnit ji,\npodat zprávu.')
  await page.getByText(/Uloženo v \d/).waitFor()

  // What Word wrote: rows put in, and text that was moved. Either way the text is one of the two that Word shows.
  const rows = () => page.locator('.paper td').allInnerTexts()
  await write(await bring('word-rows.docx'))
  await decideAll('Odmítnout vše')
  assert.deepEqual(await rows(), ['1', '2', '3', 'A', 'B', 'C'])
  await write(await bring('word-rows.docx'))
  await decideAll('Přijmout vše')
  assert.deepEqual(await rows(), ['1', '2', '3', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12', 'A', 'B', 'C'])
  for (const [what, want] of [
    ['Přijmout vše', 'Video provides a powerful way.\nYou can also type a keyword.\nTo make your document look.\nWhen you click Online Video.\n For example, you can add.'],
    ['Odmítnout vše', 'Video provides a powerful way.\nWhen you click Online Video.\nYou can also type a keyword.\nTo make your document look.\nFor example, you can add.'],
  ]) {
    await write(await bring('word-moved.docx'))
    await decideAll(what)
    assert.equal(await shown(page), want)
  }
  assert.deepEqual(errors, [])
})
