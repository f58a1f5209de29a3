// The whole life of a material, as people live it: two officials in one
// paragraph, a commenter, two approvers, a signer with a basket of twenty, a
// citizen without JavaScript, an auditor. `offices` are the addresses of one or
// more nodes of the same office; people are spread over them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { binary, person } from './office.mjs'

const run = promisify(execFile)
const editor = (page) => page.locator('.ProseMirror')
const paragraph = (page, text) => editor(page).locator('p', { hasText: text }).first()

/** Waits until check(page) gives something true on each page. */
async function eventually(what, check, ms = 15_000) {
  const end = Date.now() + ms
  let last
  for (;;) {
    try { last = await check(); if (last) return last } catch (e) { last = e }
    if (Date.now() > end) assert.fail(`${what}: ${last}`)
    await new Promise((r) => setTimeout(r, 100))
  }
}

const caretAtEnd = async (page, text) => { await paragraph(page, text).click(); await page.keyboard.press('End') }

export async function life(browser, offices, { audit, pictures }) {
  const at = (i) => offices[i % offices.length]
  const alena = await person(browser, at(0), 'dvorakova')
  const petr = await person(browser, at(1), 'novak')

  // A drafter makes a material from Markdown and lets a colleague and a department in.
  await alena.goto(at(0).url + '/documents/new')
  await alena.fill('#n-title', 'Zkušební materiál o mostech')
  await alena.selectOption('#n-agenda', 'rada')
  await alena.fill('#n-markdown', '# Zkušební materiál o mostech\n\n## Popis problému\n\nMost je ve špatném stavu.\n\nRozpočet činí 4 250 000 Kč.\n')
  await alena.click('main form.form button.btn')
  await alena.waitForURL(/\/documents\/m-\w+$/)
  const path = new URL(alena.url()).pathname
  for (const [subject, relation] of [['Petr Novák', 'editor'], ['odbor právní', 'commenter'], ['kancelář ředitele a sekretariát', 'owner']]) {
    await alena.locator('#s-people ~ details > summary').click()
    const option = alena.locator('#o-subject option', { hasText: subject }).first()
    await alena.selectOption('#o-subject', await option.getAttribute('value'))
    await alena.selectOption('#o-relation', relation)
    await alena.locator('#s-people ~ details form button').click()
    await alena.waitForLoadState()
  }

  // Two officials type in the same paragraph at once.
  await Promise.all([alena.goto(at(0).url + path + '/edit'), petr.goto(at(1).url + path + '/edit')])
  await Promise.all([caretAtEnd(alena, 'Most je ve'), caretAtEnd(petr, 'Most je ve')])
  await alena.keyboard.press('Home')
  await Promise.all([alena.keyboard.type('Podle hlavní prohlídky: ', { delay: 25 }), petr.keyboard.type(' Zatížení bylo sníženo.', { delay: 25 })])
  const together = 'Podle hlavní prohlídky: Most je ve špatném stavu. Zatížení bylo sníženo.'
  for (const p of [alena, petr]) await eventually('both see one text', async () => (await paragraph(p, 'Most je ve').textContent()).includes(together))
  await alena.getByText(/Uloženo v \d/).waitFor()
  await alena.getByRole('list').getByTitle('Petr Novák').or(alena.getByLabel(/Petr Novák/)).first().waitFor()

  // Undo takes back one's own words and leaves the colleague's.
  await petr.waitForTimeout(700) // a pause ends what one undo takes back
  await petr.keyboard.type(' Omyl.', { delay: 10 })
  await petr.keyboard.press('Control+z')
  await eventually('undo leaves the other text', async () => !(await paragraph(petr, 'Most je ve').textContent()).includes('Omyl') && (await paragraph(petr, 'Most je ve').textContent()).includes('Podle hlavní prohlídky'))

  // A lawyer, who may comment and not write, proposes a wording; it is live for everybody.
  const martin = await person(browser, at(1), 'fiala')
  await martin.goto(at(1).url + path + '/edit')
  await paragraph(martin, 'Rozpočet činí').click()
  await martin.keyboard.press('Home')
  await martin.keyboard.press('Shift+End')
  await martin.getByRole('button', { name: 'Připomínka', exact: true }).click()
  const form = martin.locator('form', { has: martin.getByText('Nová připomínka') }).or(martin.locator('form:has(textarea)')).first()
  await form.getByLabel('zásadní').check()
  await form.getByLabel('Text připomínky').fill('Uveďte cenu bez DPH.')
  const propose = form.getByText('Navrhnout jiné znění')
  if (await propose.count()) await propose.first().click()
  await form.getByLabel(/Navržené znění/).fill('Rozpočet činí 4 250 000 Kč bez DPH.')
  const why = form.getByLabel(/Odůvodnění/)
  if (await why.count()) await why.fill('Vyhláška č. 503/2012 Sb.')
  await form.getByRole('button', { name: 'Odeslat' }).click()
  const card = (p) => p.locator('article, li', { hasText: 'Uveďte cenu bez DPH' }).first()
  await card(alena).waitFor()
  if (pictures) {
    await paragraph(alena, 'Most je ve').click()
    await alena.waitForTimeout(400) // for the picture only: carets settle
    await alena.screenshot({ path: join(pictures, 'editor.png') })
  }

  // Commenters' text stays as it is; the comment survives a split before it and a change of style.
  await caretAtEnd(petr, 'Most je ve')
  await petr.keyboard.press('Enter')
  await petr.keyboard.type('Vložený odstavec.')
  await paragraph(petr, 'Rozpočet činí').click()
  await petr.keyboard.press('Control+Alt+3')
  await eventually('the style change arrives', async () => (await editor(alena).locator('h1,h2,h3,h4,h5,h6', { hasText: 'Rozpočet činí' }).count()) === 1)
  await petr.keyboard.press('Control+Alt+0')
  await card(alena).getByRole('button', { name: 'Přijmout znění' }).click()
  for (const p of [alena, petr, martin]) await eventually('accepting changes the text', async () => (await editor(p).textContent()).includes('4 250 000 Kč bez DPH.'))
  await Promise.all([alena, petr, martin].map((p) => p.context().newPage().then((x) => x.close())))

  // The secretariat opens the matter for the public and prints the confirmation.
  const marie = await person(browser, at(0), 'vesela')
  await marie.goto(at(0).url + path + '/matter')
  await marie.fill('#generic', 'oprava mostu')
  await marie.click('main form.form button.btn')
  await marie.waitForURL(/\/confirmation/)
  const [number, code] = await marie.locator('.letter__key .key').allTextContents()
  assert.match(code, /^[0-9A-Z]{5}-[0-9A-Z]{5}$/)
  assert.equal(await marie.locator('.letter__key [role=img] svg').count(), 1, 'the confirmation has its square code')

  // Freezing ends the writing for everybody.
  await alena.goto(at(0).url + path)
  await alena.getByRole('button', { name: /Zmrazit/ }).click()
  await petr.getByText(/byla zmrazena/).first().waitFor()
  await alena.goto(at(0).url + path + '/route')
  for (const [field, name] of [['approvers1', 'Lenka Horáková'], ['approvers2', 'Karel Urban'], ['signers1', 'Pavel Kolář']]) {
    const box = alena.locator('label', { hasText: name }).locator(`input[name=${field}]`)
    if (!(await box.isVisible())) await alena.locator('details', { has: box }).locator('summary').click()
    await box.check()
  }
  await alena.locator('form.form button.btn').click()
  await alena.waitForLoadState()

  // Two approvers, one after the other; the second may not go first.
  const lenka = await person(browser, at(0), 'horakova')
  const karel = await person(browser, at(1), 'urban')
  await karel.goto(at(1).url + path + '/route')
  assert.equal(await karel.getByRole('button', { name: 'Schvaluji' }).count(), 0, 'the second approver is not asked yet')
  for (const [p, office] of [[lenka, at(0)], [karel, at(1)]]) {
    await eventually('the approver is asked', async () => { await p.goto(office.url + path + '/route'); return p.getByRole('button', { name: 'Schvaluji', exact: true }).count() })
    await p.getByRole('button', { name: 'Schvaluji', exact: true }).click()
    await p.waitForLoadState()
  }


  // The signer takes all that waits for him, with one authorisation.
  const pavel = await person(browser, at(0), 'kolar')
  const title = 'Zkušební materiál o mostech'
  await eventually('the version is in the basket', async () => { await pavel.goto(at(0).url + '/signing?all=1'); return pavel.locator('main tbody tr', { hasText: title }).count() })
  const waiting = await pavel.locator('input[name=version]').count()
  assert.ok(waiting >= 20, `the basket holds ${waiting}`)
  await pavel.getByRole('button', { name: 'Pokračovat' }).or(pavel.locator('.sign-act button')).first().click()
  await pavel.fill('#password', 'wrong password indeed')
  await pavel.locator('form[action="/signing/batches"] button.btn').click()
  await pavel.locator('#password-error').waitFor()
  await pavel.fill('#password', at(0).password)
  await pavel.locator('form[action="/signing/batches"] button.btn').click()
  await pavel.waitForURL(/\/signing\/batches\//)
  const batch = pavel.url()
  await pavel.close() // closing the window loses nothing
  const later = await pavel.context().newPage()
  await later.goto(batch)
  await eventually('every document has its result', async () => { await later.reload(); return (await later.locator('main .chip--ok[data-step]').count()) === waiting }, 60_000)
  const row = later.locator('main tbody tr', { hasText: title }).or(later.locator('main tbody tr').last()).first()
  const file = await later.context().request.get(new URL(await row.locator('a[href$="signed.pdf"]').getAttribute('href'), batch).href)
  assert.equal(file.status(), 200)
  await writeFile(audit + '.pdf', await file.body())
  const { stdout: signatures } = await run('pdfsig', [audit + '.pdf'])
  assert.match(signatures, /Signature is Valid/)
  assert.match(signatures, /Total document signed/)
  await run('qpdf', ['--check', audit + '.pdf'])
  await eventually('the material is signed', async () => { await alena.goto(at(0).url + path); return alena.getByText('Podepsáno').count() })

  // A citizen without JavaScript; a wrong code and a wrong number answer alike.
  const citizen = await (await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } })).newPage()
  const ask = async (n, c) => {
    await citizen.goto(at(1).url + '/stav')
    await citizen.fill('#number', n)
    await citizen.fill('#code', c)
    await citizen.click('main form.enter button')
    return (await citizen.locator('main').innerText()).replaceAll(n, '')
  }
  assert.equal(await ask(number, 'AAAAA-AAAAA'), await ask('2001-000-000', 'AAAAA-AAAAA'))
  await eventually('the citizen sees that it is signed', async () => { await ask(number, code); return citizen.getByText(/[Pp]odeps/).count() })
  assert.match(citizen.url(), /\/stav\/[\d-]+$/, 'no code in the address')
  await citizen.getByText('procesní účinky').first().waitFor()
  assert.equal(await citizen.locator('[aria-current=step]').count(), 1)
  if (pictures) {
    await citizen.setViewportSize({ width: 1000, height: 1300 })
    await citizen.screenshot({ path: join(pictures, 'status.png') })
  }
  const feed = await citizen.locator('a[href^="/feeds/"], link[type="application/atom+xml"]').first().getAttribute('href')
  const atom = await citizen.context().request.get(new URL(feed, at(1).url).href)
  assert.match(await atom.text(), /<feed xmlns="http:\/\/www\.w3\.org\/2005\/Atom"/)

  // Editing after signing: a new version; the signature stays with the old one; those who acted are told.
  await alena.getByRole('button', { name: /nový koncept/ }).click()
  await alena.waitForLoadState()
  await alena.goto(at(0).url + path + '/edit')
  await caretAtEnd(alena, 'Vložený odstavec')
  await alena.keyboard.type(' Změna po podpisu.')
  await alena.getByText(/Uloženo v \d/).waitFor()
  await alena.goto(at(0).url + path)
  await alena.getByRole('button', { name: /Zmrazit/ }).click()
  await alena.waitForLoadState()
  await eventually('the approver is told and sees the difference', async () => {
    await lenka.goto(at(0).url + '/notices')
    return lenka.locator('main a', { hasText: 'Zobrazit, co se změnilo' }).count()
  })
  await lenka.locator('main a', { hasText: 'Zobrazit, co se změnilo' }).first().click()
  await lenka.waitForURL(/\/compare\?from=1/)
  assert.match(await lenka.locator('main ins').first().textContent(), /Změna/)
  await alena.goto(at(0).url + path + '/versions/1')
  assert.ok(await alena.getByText(/Nahrazen/).count(), 'version 1 says that a newer one exists')

  // An auditor sees who changed and read it, and verifies the journal elsewhere.
  const ivan = await person(browser, at(0), 'cermak')
  await ivan.goto(at(0).url + '/audit/documents/' + path.split('/').pop())
  const log = await ivan.locator('main').innerText()
  for (const who of ['Alena Dvořáková', 'Petr Novák', 'Martin Fiala', 'Lenka Horáková', 'Karel Urban']) assert.ok(log.includes(who), `the audit does not show ${who}`)
  await ivan.goto(at(0).url + '/audit')
  await ivan.locator('main table tbody tr').first().waitFor()
  const { stdout } = await run(binary, ['audit', 'export', '-o', audit, ...at(0).storage])
  assert.match(stdout, /\d+ entries/)
  await run(binary, ['audit', 'verify', audit])
  const bytes = await readFile(audit)
  const spot = bytes.indexOf('documents.frozen')
  assert.ok(spot > 0)
  bytes[spot] ^= 1
  await writeFile(audit + '.bad', bytes)
  const bad = await run(binary, ['audit', 'verify', audit + '.bad', '-json']).then(() => null, (e) => e)
  assert.equal(bad?.code, 1, 'a changed byte is noticed')
  assert.ok(JSON.parse(bad.stdout).wrong > 0, 'and the first wrong entry is named')
}
