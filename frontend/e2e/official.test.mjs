// A program beside the browser: the y-websocket client as npm has it, let in by
// a token from the account page, writes in the same draft as somebody in our
// editor. A token gives no more than its scope and its owner's rights.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { launch, person, start } from './office.mjs'

/** Makes an API token on the account page of whoever is signed in. */
async function token(page, office, scopes) {
  await page.goto(office.url + '/account')
  await page.fill('#token-name', 'program ' + scopes.join(' '))
  for (const s of scopes) await page.check(`input[name=scope][value=${s}]`)
  await page.click('form[action="/account/tokens"] button')
  return page.locator('[role=status] code').innerText()
}

/** Joins a document; `closed` settles when the server sends the program away for good. */
function join(t, office, document, token) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(office.url.replace('http', 'ws') + '/collab', document, doc, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true })
  t.after(() => { provider.destroy(); doc.destroy() })
  const closed = new Promise((resolve) => provider.on('connection-close', (e) => {
    if (!(e?.code >= 4400 && e.code < 4500)) return
    provider.disconnect() // y-websocket would try again for ever
    resolve(e.code)
  }))
  const synced = new Promise((resolve) => provider.on('sync', (yes) => yes && resolve()))
  return { doc, text: doc.getText('body'), provider, closed, synced }
}

/** Waits until look() is true; it is asked again after every change of the document. */
const until = (doc, look) => new Promise((resolve) => {
  const ask = () => { if (look()) { doc.off('update', ask); resolve() } }
  doc.on('update', ask)
  ask()
})

/** Where the words stand in the body; markers of paragraphs take one place each. */
function indexOf(text, words) {
  const flat = text.toDelta().map((op) => (typeof op.insert === 'string' ? op.insert : '\n')).join('')
  assert.ok(flat.includes(words), `no “${words}” in ${flat}`)
  return flat.indexOf(words)
}

/**
 * All that makes two copies of a document equal: every client's items, which of them are deleted, and the formatted text.
 * Runs in Node and in the browser alike.
 */
function stateOf(doc) {
  const clients = {}
  for (const [client, structs] of doc.store.clients) {
    const runs = []
    for (const s of structs) {
      const last = runs.at(-1)
      if (last && last[2] === s.deleted) last[1] += s.length
      else runs.push([s.id.clock, s.length, s.deleted])
    }
    clients[client] = runs
  }
  const body = doc.getText('body').toDelta().map((op) => ({ ...op, insert: typeof op.insert === 'string' ? op.insert : op.insert.toJSON() }))
  return JSON.parse(JSON.stringify({ clients, body, pending: doc.store.pendingStructs }))
}

test('a program with a token and a person in the editor write in one draft', { timeout: 120_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const [alena, petr, martin] = await Promise.all(['dvorakova', 'novak', 'fiala'].map((login) => person(browser, office, login)))
  const [write, read, comment] = [await token(petr, office, ['read', 'edit']), await token(petr, office, ['read', 'write']), await token(martin, office, ['edit'])]

  await alena.goto(office.url + '/documents?state=draft')
  await alena.getByRole('link', { name: /zimní údržby/ }).click()
  await alena.waitForURL(/\/documents\/m-/)
  const document = new URL(alena.url()).pathname.split('/').pop()
  await alena.goto(`${office.url}/documents/${document}/edit`)
  const paragraph = alena.locator('.ProseMirror p').first()
  const words = (await paragraph.textContent()).slice(0, 30)

  // Both type in the same paragraph at once: she before its first word, the program after its thirtieth letter.
  const program = join(t, office, document, write)
  await program.synced
  const hers = 'Podle zprávy ze 3. listopadu: '
  const its = ' [doplněno programem: žluťoučký 🐎]'
  const before = Y.encodeStateVector(program.doc)
  await paragraph.click()
  await alena.keyboard.press('Home')
  const typing = alena.keyboard.type(hers, { delay: 20 })
  let typed = ''
  for (const c of its) {
    program.text.insert(indexOf(program.text, words + typed) + (words + typed).length, c, {})
    typed += c
    await new Promise((resolve) => setTimeout(resolve, 15)) // as fast as a person types
  }
  await typing
  const together = hers + words + its
  await until(program.doc, () => program.text.toString().includes(together))
  await paragraph.filter({ hasText: together }).waitFor()
  await alena.getByText(/Uloženo v \d/).waitFor()
  assert.notDeepEqual(Y.encodeStateVector(program.doc), before)

  // One state in the program, in the browser and in what the server gives a newcomer.
  const inBrowser = await alena.evaluate(`(${stateOf})(document.getElementById('editor').session.doc)`)
  assert.deepEqual(inBrowser, stateOf(program.doc))
  const newcomer = join(t, office, document, write)
  await newcomer.synced
  assert.equal(newcomer.text.toString(), program.text.toString())
  assert.deepEqual(Buffer.from(Y.encodeStateAsUpdate(newcomer.doc)), Buffer.from(Y.encodeStateAsUpdate(program.doc)))

  // A token that may not edit opens no document, though its owner may.
  assert.equal(await join(t, office, document, read).closed, 4401)
  assert.equal(await join(t, office, document, 'no such token').closed, 4401)

  // A commenter's token reads the text; what it writes sends it away and reaches nobody.
  const guest = join(t, office, document, comment)
  await guest.synced
  assert.equal(guest.text.toString(), program.text.toString())
  guest.text.insert(indexOf(guest.text, words), 'Cizí ruka. ')
  assert.equal(await guest.closed, 4403)
  const later = join(t, office, document, write)
  await later.synced
  assert.ok(!later.text.toString().includes('Cizí ruka'))
  assert.ok(!(await alena.locator('.ProseMirror').textContent()).includes('Cizí ruka'))
  assert.ok(later.text.toString().includes(together))
})
