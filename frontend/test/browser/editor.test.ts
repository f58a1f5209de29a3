import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Page } from 'playwright-core'
import { axe, Office, select, textOf } from './office.ts'

/** A busy machine may take its time; what never happens fails all the same. */
const eventually = <T>(f: () => T | Promise<T>) => vi.waitFor(f, { timeout: 20_000, interval: 50 })

let office: Office
beforeEach(async () => { office = await Office.open() })
afterEach(async () => { const { errors } = office; await office.close(); expect(errors).toEqual([]) })

const same = (a: Page, b: Page) => eventually(async () => { const [x, y] = [await textOf(a), await textOf(b)]; expect(x).toEqual(y); return x })
const saved = (p: Page) => eventually(async () => expect(await p.textContent('[data-save]')).toMatch(/^Uloženo v \d/))

test('two officials write into one paragraph at once, and nothing is lost', async () => {
  const jana = await office.person('jana')
  const petr = await office.person('petr')
  await select(jana, 'účelových', true)
  await select(petr, 'v celkové', true)
  const a = 'skutečně potřebných a '
  const b = 'podle přílohy č. 1 a '
  await Promise.all([jana.keyboard.type(a, { delay: 15 }), petr.keyboard.type(b, { delay: 17 })])
  const lines = await same(jana, petr)
  expect(lines[1]).toBe(`Radě kraje je předkládán návrh na poskytnutí ${a}účelových dotací z rozpočtu kraje na rok 2026 ${b}v celkové výši 4 250 000 Kč.`)
  await saved(jana)
  await saved(petr)
  await jana.keyboard.press('Control+z')
  expect((await same(jana, petr))[1]).toContain(b)
})

test('arrow keys are not lost while somebody else types', async () => {
  const jana = await office.person('jana')
  const room = office.server.room('m1')
  let n = 0
  const noise = setInterval(() => {
    const at = room.text.length - 10
    room.text.insert(at, '.')
    n++
  }, 40)
  room.doc.on('update', (u: Uint8Array, origin: unknown) => { if (origin === null) for (const s of room.sockets as Set<{ send(f: Uint8Array): void }>) s.send(frame(u)) })
  let lost = 0
  for (let i = 0; i < 40; i++) {
    await select(jana, 'obec musí', true)
    await jana.keyboard.down('Shift')
    for (let k = 0; k < 4; k++) await jana.keyboard.press('ArrowRight')
    await jana.keyboard.up('Shift')
    await jana.keyboard.press('ArrowRight')
    await jana.keyboard.type('!')
    const line = (await textOf(jana)).find(l => l.includes('musí'))
    if (line !== 'obec! musí doložit vlastní podíl 30 %') lost++
    await jana.keyboard.press('Backspace')
    if ((await textOf(jana)).find(l => l.includes('musí')) !== 'obec musí doložit vlastní podíl 30 %') { lost++; break }
  }
  clearInterval(noise)
  expect(lost).toBe(0)
  expect(n).toBeGreaterThan(20)
})

function frame(u: Uint8Array) {
  const out = [0, 2]
  let n = u.length
  while (n > 127) { out.push((n & 127) | 128); n >>>= 7 }
  out.push(n)
  return new Uint8Array([...out, ...u])
}

test('an arrow and then Enter, pressed while the page is busy, split the paragraph and delete nothing', async () => {
  const jana = await office.person('jana')
  for (let i = 0; i < 5; i++) {
    await select(jana, 'vlastní podíl')
    const busy = jana.evaluate(() => new Promise<void>(done => { setTimeout(() => { const t = performance.now(); while (performance.now() - t < 250); done() }) }))
    const keys = [jana.keyboard.press('ArrowRight'), jana.keyboard.press('Enter')]
    await Promise.all([busy, ...keys])
    expect((await textOf(jana)).filter(l => l.includes('doložit') || l.includes('30 %'))).toEqual(['obec musí doložit vlastní podíl', ' 30 %'])
    await jana.keyboard.press('Backspace')
    await jana.keyboard.press('Backspace')
    if ((await textOf(jana)).some(l => l === ' 30 %')) await jana.keyboard.press('Backspace')
  }
})

test('a dead key survives an edit by somebody else in the same paragraph', async () => {
  const jana = await office.person('jana')
  const petr = await office.person('petr')
  await select(jana, 'obec musí', true)
  await select(petr, 'podíl 30', true)
  const cdp = await jana.context().newCDPSession(jana)
  for (const [dead, letter] of [['ˇ', 'č'], ['´', 'á'], ['ˇ', 'ž']]) {
    await cdp.send('Input.imeSetComposition', { text: dead, selectionStart: 1, selectionEnd: 1 })
    await petr.keyboard.type('x')
    await jana.waitForTimeout(150)
    await cdp.send('Input.insertText', { text: letter })
    await jana.waitForTimeout(80)
  }
  const lines = await same(jana, petr)
  expect(lines.find(l => l.includes('musí'))).toBe('čážobec musí doložit vlastní xxxpodíl 30 %')
})

test('the bar says in words how it stands with saving, also without a connection', async () => {
  const jana = await office.person('jana')
  expect(await jana.textContent('[data-save]')).toBe('Připojeno – změny se ukládají průběžně')
  await select(jana, 'Rada kraje po', true)
  await jana.keyboard.type('A')
  await saved(jana)
  office.server.room('m1').holdAcks = true
  await jana.keyboard.type('B')
  await eventually(async () => expect(await jana.textContent('[data-save]')).toBe('Ukládá se…'))
  office.server.refuse(true)
  office.server.drop()
  await jana.keyboard.type('CD')
  await eventually(async () => expect(await jana.textContent('[data-save]')).toBe('Odpojeno – změny čekají (3)'))
  office.server.room('m1').holdAcks = false
  office.server.refuse(false)
  await saved(jana)
  expect(office.server.room('m1').text.toString()).toContain('ABCDRada kraje po')
  office.errors.length = 0 // refused connections are logged by the browser itself
})

test('when nothing is confirmed for 20 s a notice stops the writer and offers the text', async () => {
  const jana = await office.person('jana', { clock: true })
  office.server.room('m1').holdAcks = true
  await select(jana, 'Rada kraje po', true)
  await jana.keyboard.type('NEULOŽENO ')
  await jana.clock.runFor(25_000)
  await jana.waitForSelector('dialog[open]')
  expect(await jana.textContent('dialog h2')).toBe('Změny se nedaří uložit')
  expect(await jana.inputValue('dialog textarea')).toContain('NEULOŽENO Rada kraje po projednání')
  await jana.click('dialog button:has-text("Pokračovat")')
  expect(await jana.locator('dialog[open]').count()).toBe(0)
})

test('a frozen version is shown for reading, and what came too late is offered as a proposal', async () => {
  const jana = await office.person('jana')
  const petr = await office.person('petr')
  const room = office.server.room('m1')
  room.event({ type: 'frozen', version: 'abc', number: 2 })
  await petr.waitForSelector('[data-frozen]')
  expect(await petr.textContent('[data-frozen]')).toContain('Verze 2 byla zmrazena.')
  expect(await petr.getAttribute('[data-frozen] a', 'href')).toBe('/documents/m1/versions')
  await select(petr, 'Rada kraje po', true)
  await petr.keyboard.type('nic')
  expect((await textOf(petr)).join()).not.toContain('nicRada')
  room.event({ type: 'reopened' })
  await petr.waitForSelector('[data-frozen]', { state: 'detached' })
  room.frozen = true
  await select(jana, 'Rada kraje po', true)
  await jana.keyboard.type('Pozdě ')
  await jana.waitForSelector('.notice--error textarea')
  expect(await jana.inputValue('.notice--error textarea')).toContain('Rada kraje po projednání schvaluje')
  expect(await jana.textContent('.notice--error')).toContain('Verze byla zmrazena')
  await select(jana, 'Rada kraje', true)
  await jana.keyboard.type('x')
  expect((await textOf(jana)).join()).not.toContain('xRada')
})

for (const [code, words] of [[4401, 'přihlášení skončilo'], [4403, 'nemáte oprávnění'], [4413, 'příliš velká'], [4422, 'odmítl změnu']] as const) test(`close code ${code} is explained`, async () => {
  const jana = await office.person('jana')
  office.server.close(code)
  expect(await (await jana.waitForSelector('.notice--error')).textContent()).toContain(words)
})

test('somebody who may only comment writes a comment with other wording, and an editor accepts it', async () => {
  const klara = await office.person('klara')
  const jana = await office.person('jana')
  await select(klara, '4 250 000 Kč')
  await klara.keyboard.type('x')
  await klara.keyboard.press('Delete')
  expect((await textOf(klara))[1]).toContain('4 250 000 Kč')
  await klara.keyboard.press('Control+Alt+m')
  await klara.fill('#comment-text', 'Nesouhlasí se součtem.')
  await klara.check('input[value=major]')
  await klara.click('text=Navrhnout jiné znění')
  await klara.fill('#comment-proposed', '2 050 000 Kč')
  await klara.click('form >> text=Odeslat')
  await jana.waitForSelector('.card-c--major')
  expect(await jana.textContent('.mark--major')).toBe('4 250 000 Kč')
  // The mark follows its text through a split, a change of style and typing around it.
  await select(jana, 'v celkové', true)
  await jana.keyboard.press('Enter')
  await jana.keyboard.press('Control+Alt+2')
  await jana.keyboard.type('Nově ')
  await eventually(async () => expect(await klara.textContent('h3 .mark--major')).toBe('4 250 000 Kč'))
  await klara.reload()
  await klara.waitForSelector('.mark--major')
  expect(await klara.textContent('.mark--major')).toBe('4 250 000 Kč')
  await klara.click('.card-c >> text=Odpovědět')
  await klara.fill('.card-c textarea', 'Prosím do pátku.')
  await klara.click('.card-c form >> text=Odeslat')
  await eventually(async () => expect(await jana.textContent('.card-c__replies')).toContain('Prosím do pátku.'))
  await jana.click('text=Přijmout znění')
  await eventually(async () => expect((await textOf(klara)).join()).toContain('2 050 000 Kč'))
  await jana.selectOption('.comments__filters select', 'all')
  expect(await jana.textContent('.card-c__outcome')).toContain('Akceptováno')
})

test('settling needs a reason unless accepted; withdrawn and orphaned comments are told', async () => {
  const jana = await office.person('jana')
  const petr = await office.person('petr')
  for (const text of ['chodník u školy', 'oprava mostku']) {
    await select(jana, text)
    await jana.click('.tool--words')
    await jana.fill('#comment-text', `K textu ${text}`)
    await jana.click('form >> text=Odeslat')
    await jana.waitForSelector(`.card-c:has-text("K textu ${text}")`)
  }
  await jana.click('.comments__whole')
  await jana.fill('#comment-text', 'Celkově v pořádku.')
  await jana.click('form >> text=Odeslat')
  await eventually(async () => expect(await petr.locator('[data-id]').count()).toBe(3))
  expect(await petr.locator('[data-id] .card-c__text').allTextContents()).toEqual(['Celkově v pořádku.', 'K textu oprava mostku', 'K textu chodník u školy'])
  const card = petr.locator('[data-id]', { hasText: 'K textu chodník' })
  await card.locator('text=Vypořádat').click()
  await card.locator('select').selectOption('rejected')
  await card.locator('form button[type=submit]').click()
  expect(await petr.locator('[data-id] textarea:invalid').count()).toBe(1)
  await card.locator('textarea').fill('Chodník je v jiném programu.')
  await card.locator('form button[type=submit]').click()
  await jana.selectOption('.comments__filters select', 'all')
  await jana.waitForSelector('.card-c__outcome:has-text("Neakceptováno")')
  await select(petr, 'oprava mostku')
  await petr.keyboard.press('Delete')
  await jana.waitForSelector('.card-c__orphan')
  await select(jana, 'Horní Lhota')
  await jana.click('text=Znovu ukotvit')
  await eventually(async () => expect(await petr.locator('.mark').allTextContents()).toEqual(['Horní Lhota']))
  await jana.locator('[data-id]', { hasText: 'Celkově' }).locator('text=Vzít zpět').click()
  await petr.waitForFunction(() => document.querySelectorAll('[data-id]').length === 1)
})

test('by keyboard: F8 goes through comments, Tab indents lists and walks cells, Esc and Tab leave', async () => {
  const jana = await office.person('jana')
  await select(jana, 'obec musí')
  await jana.keyboard.press('Control+Alt+m')
  await jana.keyboard.type('první')
  await jana.click('form >> text=Odeslat')
  await jana.locator('form.card-c--form').waitFor({ state: 'detached' }) // when it closes, the caret goes back to the text
  await select(jana, 'oprávněnost')
  await jana.keyboard.press('Control+Alt+m')
  await jana.keyboard.type('druhá')
  await jana.click('form >> text=Odeslat')
  await eventually(async () => expect(await jana.locator('[data-id]').count()).toBe(2))
  await select(jana, 'Důvodová', true)
  await jana.keyboard.press('F8')
  await jana.keyboard.press('F8')
  expect(await jana.textContent('.mark--on')).toMatch(/obec musí|oprávněnost/)
  await jana.keyboard.press('Shift+F8')
  await select(jana, 'žádost se', true)
  await jana.keyboard.press('Tab')
  expect(await jana.getAttribute('p:has-text("žádost se")', 'data-level')).toBe('1')
  await jana.keyboard.press('Shift+Tab')
  expect(await jana.getAttribute('p:has-text("žádost se")', 'data-level')).toBe(null)
  await select(jana, 'Horní Lhota', true)
  await jana.keyboard.press('Tab')
  await jana.keyboard.type('X')
  expect(await jana.locator('td').nth(1).textContent()).toBe('X')
  expect(await jana.evaluate(() => document.activeElement?.className)).toContain('paper')
  await jana.keyboard.press('Escape')
  await jana.keyboard.press('Tab')
  expect(await jana.evaluate(() => document.activeElement?.className)).not.toContain('paper')
})

test('tables: insert, add and delete rows and columns; styles, links and undo from the bar', async () => {
  const jana = await office.person('jana')
  const petr = await office.person('petr')
  await select(jana, 'Rada kraje po', true)
  await jana.keyboard.press('End')
  await jana.click('[aria-label="Vložit tabulku"]')
  await jana.keyboard.type('Rok')
  await jana.click('[aria-label="Přidat řádek"]')
  await jana.click('[aria-label="Přidat sloupec"]')
  const shape = (p: Page) => p.evaluate(() => [...document.querySelectorAll('.paper table')].at(-1)!.querySelectorAll('tr').length * 10 + [...document.querySelectorAll('.paper table')].at(-1)!.querySelector('tr')!.children.length)
  expect(await shape(jana)).toBe(44)
  await jana.click('[aria-label="Smazat sloupec"]')
  await jana.click('[aria-label="Smazat řádek"]')
  await same(jana, petr)
  expect(await shape(petr)).toBe(33)
  await select(jana, 'Dotace jsou')
  await jana.keyboard.press('Control+k')
  await jana.fill('#link-href', 'javascript:alert(1)')
  await jana.keyboard.press('Enter')
  await jana.waitForSelector('#link-error')
  await jana.fill('#link-href', 'www.kraj-lbc.cz')
  await jana.keyboard.press('Enter')
  await eventually(async () => expect(await petr.getAttribute('a:has-text("Dotace jsou")', 'href')).toBe('https://www.kraj-lbc.cz'))
  await select(jana, 'Dotace jsou', true)
  await jana.selectOption('.tools select', 'quote')
  await petr.waitForSelector('blockquote:has-text("Dotace jsou")')
  await jana.keyboard.press('Control+z')
  await petr.waitForSelector('p:has-text("Dotace jsou")')
  await jana.click('.outline button:has-text("Postup")')
  await jana.keyboard.type('§ ')
  await eventually(async () => expect((await textOf(petr)).join()).toContain('§ Postup'))
})

test('what comes from a word processor keeps its lists and headings and loses deleted revisions', async () => {
  const jana = await office.person('jana')
  await select(jana, 'Rada kraje po', true)
  await jana.keyboard.press('End')
  await jana.keyboard.press('Enter')
  const html = `<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal{margin:0}</style></head><body><!--StartFragment-->
    <h1 style='mso-list:none'>Usnesení</h1><p class=MsoNormal>Rada <b style='font-weight:normal'><span style="font-weight:700">schvaluje</span></b> <del>zamítá</del><ins>program</ins>.<o:p></o:p></p>
    <p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><![if !supportLists]><span style='mso-list:Ignore'>1.<span>&nbsp;&nbsp;</span></span><![endif]>první</p>
    <p class=MsoListParagraph style='mso-list:l0 level2 lfo1'><span style='mso-list:Ignore'>a)<span>&nbsp;</span></span>pododstavec</p>
    <p class=MsoListParagraph style='mso-list:l1 level1 lfo2'><span style='mso-list:Ignore'>·<span>&nbsp;</span></span>odrážka</p>
    <table><tr><td colspan=2><p>široká</p></td></tr><tr><td><p>a<br>b</p></td><td>c</td></tr></table><!--EndFragment--></body></html>`
  await jana.evaluate(h => {
    const data = new DataTransfer()
    data.setData('text/html', h)
    data.setData('text/plain', 'x')
    document.querySelector('.paper')!.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, html)
  const got = await jana.evaluate(() => [...document.querySelectorAll('.paper > *')].slice(-6).map(e => [e.tagName, e.getAttribute('data-kind'), e.getAttribute('data-level'), e.textContent]))
  expect(got).toEqual([
    ['H2', null, null, 'Usnesení'], ['P', null, null, 'Rada schvaluje program.'],
    ['P', 'ol', null, 'první'], ['P', 'ol', '1', 'pododstavec'], ['P', 'ul', null, 'odrážka'], ['TABLE', null, null, 'širokáabc'],
  ])
  expect(await jana.locator('.paper p strong').last().textContent()).toBe('schvaluje')
  expect(await jana.locator('.paper table').last().locator('td').count()).toBe(4)
})

const looks = [
  ['desktop, light', { colorScheme: 'light' }], ['desktop, dark', { colorScheme: 'dark' }],
  ['320 px, light', { colorScheme: 'light', viewport: { width: 320, height: 640 } }], ['320 px, dark', { colorScheme: 'dark', viewport: { width: 320, height: 640 } }],
] as const
for (const [name, look] of looks) test(`axe finds nothing: ${name}`, async () => {
  const jana = await office.person('klara')
  await select(jana, 'obec musí')
  await jana.keyboard.press('Control+Alt+m')
  await jana.fill('#comment-text', 'Připomínka')
  await jana.click('text=Navrhnout jiné znění')
  await jana.click('form >> text=Odeslat')
  await jana.waitForSelector('[data-id]')
  await jana.close()
  const p = await office.person('petr', { ...look, bypass: true } as never)
  await p.waitForFunction(() => document.querySelectorAll('[data-id]').length === 1)
  const found: string[] = []
  const look1 = async (where: string) => { for (const v of await axe(p)) found.push(`${where}: ${v}`) }
  await select(p, 'Rada kraje po', true)
  await p.click('[aria-label="Vložit tabulku"]')
  await look1('open')
  expect(await p.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
  if (await p.locator('.editor__toggle').isVisible()) await p.click('.editor__toggle')
  await p.click('[data-id] .card-c__go')
  await p.locator('[data-id] >> text=Vypořádat').first().click()
  await look1('comments')
  await p.locator('[data-id] form >> text=Zrušit').click()
  if (await p.locator('.comments__close').isVisible()) await p.click('.comments__close')
  await select(p, 'Dotace jsou')
  await p.keyboard.press('Control+Alt+m')
  await look1('form')
  await p.keyboard.press('Escape')
  if (await p.locator('.comments__close').isVisible()) await p.click('.comments__close')
  await select(p, 'Dotace jsou')
  await p.keyboard.press('Control+k')
  await look1('link')
  await p.keyboard.press('Escape')
  office.server.room('m1').event({ type: 'frozen', version: 'x', number: 1 })
  await p.waitForSelector('[data-frozen]')
  await look1('frozen')
  office.server.close(4422)
  await p.waitForSelector('.notice--error')
  await look1('ended')
  expect(found).toEqual([])
})
