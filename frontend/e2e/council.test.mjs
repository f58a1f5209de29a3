// The whole course of a council material, in browsers: a template filled in by two people at once, a round of four departments of
// which one is silent, a rejected major comment disputed up to the director, approval by two of three with a deputy, the
// programme, adoption with a change, the resolution, its task and the half-year report.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { launch, person, start } from './office.mjs'

test('a material goes from its template to the report on its task', { timeout: 300_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const at = (login, options) => person(browser, office, login, options)
  const plain = (login) => at(login, { javaScriptEnabled: false })
  const says = (page, text) => page.locator('main').filter({ hasText: text }).waitFor()
  const press = async (page, name) => { await page.getByRole('button', { name, exact: true }).first().click(); await page.waitForLoadState() }

  // From the template, written by two.
  const alena = await at('dvorakova')
  await alena.goto(office.url + '/documents/new')
  await alena.fill('#n-title', 'Dar obci Turnov na hřiště')
  await alena.selectOption('#n-agenda', 'rada')
  await alena.selectOption('#n-template', 'rada')
  await alena.click('main form.form button.btn')
  await alena.waitForURL(/\/documents\/m-\w+$/)
  const doc = new URL(alena.url()).pathname
  await says(alena, /Návrh \(rozpracováno\)/)
  for (const [subject, relation] of [['Petr Novák', 'editor'], ['kancelář ředitele a sekretariát', 'owner']]) {
    await alena.locator('#s-people ~ details > summary').click()
    await alena.selectOption('#o-subject', await alena.locator('#o-subject option', { hasText: subject }).first().getAttribute('value'))
    await alena.selectOption('#o-relation', relation)
    await alena.locator('#s-people ~ details form button').click()
    await alena.waitForLoadState()
  }
  const petr = await at('novak')
  await Promise.all([alena.goto(office.url + doc + '/edit'), petr.goto(office.url + doc + '/edit')])
  const write = async (page, guide, text) => {
    await page.locator('.ProseMirror p', { hasText: guide }).first().click({ clickCount: 3 }) // the whole paragraph
    await page.keyboard.type(text, { delay: 2 })
  }
  await Promise.all([
    (async () => {
      await write(alena, '[Co je potřeba', 'Hřiště u školy je zavřené.')
      await write(alena, '[Jednotlivé výroky', 'schvaluje dar obci Turnov ve výši 100 000 Kč')
      await write(alena, '[Kdo odpovídá', 'Lenka Horáková')
    })(),
    (async () => {
      await write(petr, '[Co se navrhuje', 'Poskytnout dar na opravu hřiště.')
      await write(petr, '[Kdo materiál', 'Petr Novák')
      await write(petr, '[Do kdy', '15. 1. 2027')
      await write(petr, '[Která místa', 'Odbor ekonomický souhlasí.')
    })(),
  ])
  for (const p of [alena, petr]) {
    await p.getByText(/Uloženo v \d/).waitFor()
    await p.locator('.ProseMirror', { hasText: 'Odbor ekonomický souhlasí.' }).filter({ hasText: 'Hřiště u školy je zavřené.' }).waitFor()
  }

  // Four departments are asked; the head of one stays silent.
  await alena.goto(office.url + doc + '/round')
  for (const unit of ['oe', 'op', 'oi']) await alena.selectOption(`#u-${unit}`, 'required')
  await alena.selectOption('#u-sk', 'optional')
  await press(alena, 'Zahájit připomínkové kolo')
  const comment = async (login, fields) => {
    const page = await plain(login)
    await page.goto(office.url + doc + '/comments')
    await page.selectOption('#c-kind', fields.kind)
    for (const name of ['quote', 'text', 'reasoning', 'proposed']) if (fields[name]) await page.fill(`#c-${name}`, fields[name])
    await press(page, 'Přidat připomínku')
    await says(page, new RegExp(fields.text))
    await page.context().close()
  }
  await comment('fiala', { kind: 'major', quote: 'dar obci Turnov', text: 'Dar musí mít smlouvu.', reasoning: 'Zákon č. 129/2000 Sb.' })
  await comment('benes', { kind: 'advisory', quote: 'na opravu hřiště', text: 'Uveďte, o které hřiště jde.', proposed: 'na opravu hřiště u školy' })
  const state = async (login, statement) => {
    const page = await plain(login)
    await page.goto(office.url + doc + '/round')
    await page.getByRole('radio', { name: statement, exact: true }).check()
    await press(page, 'Potvrdit stanovisko')
    await says(page, /Stanovisko je potvrzeno/)
    return page
  }
  const jana = await state('pokorna', 's připomínkami')
  const lenka = await state('horakova', 's připomínkami')
  const maly = await state('maly', 'souhlas bez připomínek')
  await alena.goto(office.url + doc + '/round')
  await press(alena, 'Ukončit kolo')
  await says(alena, /nevyjádřeno \(považuje se za souhlas\)/)

  // One comment is accepted with its wording, the major one rejected; the lawyers insist and the director decides.
  await alena.goto(office.url + doc + '/settlement')
  await alena.getByRole('row', { name: /Uveďte, o které hřiště jde/ }).getByRole('link').first().click()
  await press(alena, 'Přijmout navržené znění')
  await alena.goto(office.url + doc + '/settlement?show=major')
  await alena.locator('table.settlement th[scope=row] a').first().click()
  const major = alena.url()
  await alena.selectOption('#s-outcome', 'rejected')
  await alena.fill('#s-reasoning', 'Smlouva se uzavře po schválení.')
  await press(alena, 'Uložit')
  await jana.goto(major)
  await jana.fill('#t-reasoning', 'Rada má schválit i smlouvu.')
  await press(jana, 'Trváme na připomínce')
  await jana.locator('summary', { hasText: 'Postoupit na 2. úroveň' }).click()
  await jana.selectOption('#d-who', await jana.locator('#d-who option', { hasText: 'Urban' }).getAttribute('value'))
  await jana.fill('#d-why', 'Vedoucí se neshodli.')
  await press(jana, 'Postoupit na 2. úroveň')
  await alena.goto(office.url + doc)
  await press(alena, 'Zmrazit znění')
  await says(alena, /otevřené rozpory: 1/)
  const karel = await plain('urban')
  await karel.goto(major)
  await karel.fill('#d-text', 'Smlouva přijde na příští schůzi.')
  await press(karel, 'Připomínce nevyhovět')
  await alena.goto(office.url + doc)
  await press(alena, 'Zmrazit znění')
  await says(alena, /Znění je zmrazeno/)
  for (const form of ['docx', 'pdf', 'csv', 'json']) {
    const response = await alena.request.get(`${office.url}${doc}/versions/1/settlement.${form}`)
    assert.equal(response.status(), 200, form)
    if (form === 'csv') assert.match(await response.text(), /Dar musí mít smlouvu/)
  }

  // Approval by two of three, one of them by a deputy.
  await alena.goto(office.url + doc + '/route')
  for (const name of ['Jiří Malý', 'Lenka Horáková', 'Karel Urban']) await alena.locator('label', { hasText: name }).locator('input[name=approvers1]').check()
  await alena.selectOption('#approvers1_rule', 'n')
  await alena.fill('#approvers1_n', '2')
  await alena.locator('form.form button.btn').click()
  await alena.waitForLoadState()
  await says(alena, /na řadě/)
  await maly.goto(office.url + doc + '/route')
  await press(maly, 'Schvaluji')
  const today = await lenka.goto(office.url + '/deputies').then(() => lenka.inputValue('#first'))
  await lenka.selectOption('#deputy', await lenka.locator('#deputy option', { hasText: 'Tomáš Beneš' }).getAttribute('value'))
  await lenka.fill('#last', today)
  await lenka.locator('form[action="/deputies"] button.btn').click()
  await says(lenka, /Tomáš Beneš/)
  const tomas = await plain('benes')
  await tomas.goto(office.url + doc + '/route')
  await tomas.getByRole('button', { name: /Schvaluji.*v zastoupení/ }).click()
  await says(tomas, /v zastoupení/)
  await alena.goto(office.url + doc)
  await says(alena, /Předloženo organizačnímu oddělení/)

  // Programme, adoption with a change, resolution.
  const marie = await plain('vesela')
  await marie.goto(office.url + '/meetings')
  await marie.fill('#on', today)
  await marie.selectOption('#chair', await marie.locator('#chair option', { hasText: 'Pavel Kolář' }).getAttribute('value'))
  await marie.fill('#members', ['Adam', 'Božena', 'Cyril', 'Dana', 'Emil'].join('\n'))
  await press(marie, 'Svolat')
  const meeting = new URL(marie.url()).pathname.split('/').pop()
  await marie.goto(office.url + doc + '/programme')
  await marie.selectOption('#s-meeting', meeting)
  await press(marie, 'Zařadit na program')
  await marie.fill('#b-present', '5')
  await press(marie, 'Zahájit projednání')
  await marie.selectOption('#d-outcome', 'adopted_changed')
  await marie.fill('#d-for', '4')
  await marie.fill('#d-abstained', '1')
  await marie.fill('#d-amendment', 'Částka se snižuje na 90 000 Kč.')
  await marie.selectOption('#verb1', 'schvaluje')
  await marie.fill('#text1', 'dar obci Turnov ve výši 90 000 Kč,')
  await marie.selectOption('#verb2', 'ukládá')
  await marie.fill('#text2', 'vyplatit dar')
  await marie.selectOption('#unit2', 'oe')
  await marie.selectOption('#person2', await marie.locator('#person2 option', { hasText: 'Eva Králová' }).getAttribute('value'))
  await marie.fill('#due2', '2027-01-15')
  await press(marie, 'Zapsat rozhodnutí')
  await says(marie, /přijato se změnou/)
  const number = /Usnesení č\. (\d+\/\d+\/\d{4}\/RK)/.exec(await marie.locator('main').innerText())[1]
  await press(marie, 'Předat k podpisu')
  const pavel = await plain('kolar')
  await pavel.goto(office.url + doc + '/programme')
  await pavel.locator('input[name=anonymised]').check()
  await press(pavel, 'Podepsat usnesení')
  await says(pavel, /Podepsal\(a\) Pavel Kolář/)

  // Its task, and the report that tells of it.
  const eva = await plain('kralova')
  await eva.goto(office.url + '/')
  await says(eva, /vyplatit dar/)
  await eva.goto(office.url + doc + '/programme')
  await eva.locator('summary', { hasText: 'Splněno' }).first().click()
  await eva.getByLabel('Čím je splnění doloženo').first().fill('příkaz k úhradě č. 77')
  await eva.locator('details[open] button[value=complete]').first().click()
  await says(eva, /příkaz k úhradě č\. 77/)
  await marie.goto(office.url + doc + '/programme')
  await press(marie, 'Potvrdit splnění všech úkolů')
  await marie.goto(office.url + '/tasks')
  await marie.fill('#r-year', '2027')
  await marie.selectOption('#r-half', '1')
  await press(marie, 'Založit zprávu')
  await says(marie, /Zpráva o plnění usnesení rady kraje za 1\. pololetí 2027/)
  await marie.goto(marie.url().replace(/[#?].*/, '') + '/text')
  await says(marie, new RegExp(number))
  await says(marie, /příkaz k úhradě č\. 77/)
})
