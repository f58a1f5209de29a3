// A stand-in for the service, for tests of the browser side: the same messages, nothing durable.
// Started by itself it serves a document: node test/server/server.mjs [port]
import { createServer } from 'node:http'
import { readFileSync, existsSync } from 'node:fs'
import { WebSocketServer } from 'ws'
import * as Y from 'yjs'
import * as encoding from 'lib0/encoding'
import * as decoding from 'lib0/decoding'

const dist = new URL('../../dist/', import.meta.url)
const COLORS = ['#8a1a63', '#1c6b2c', '#7a4f00', '#2362a2', '#5b3fa0']
export const PEOPLE = {
  jana: { name: 'Jana Nováková', unit: 'Odbor dopravy', right: 'edit' },
  petr: { name: 'Petr Dvořák', unit: 'Odbor ekonomický', right: 'edit' },
  klara: { name: 'Klára Veselá', unit: 'Odbor právní', right: 'comment' },
  tomas: { name: 'Tomáš Malý', unit: 'Kancelář hejtmana', right: 'view' },
}
const bytes = write => { const e = encoding.createEncoder(); write(e); return encoding.toUint8Array(e) }
const sync = (step, body) => bytes(e => { encoding.writeVarUint(e, 0); encoding.writeVarUint(e, step); encoding.writeVarUint8Array(e, body) })
const text = (type, v) => bytes(e => { encoding.writeVarUint(e, type); encoding.writeVarString(e, JSON.stringify(v)) })

export function seed(doc, blocks) {
  const t = doc.getText('body')
  doc.transact(() => {
    for (const b of blocks) {
      const m = new Y.Map()
      t.insertEmbed(t.length, m, {})
      for (const k of ['kind', 'level', 'cell', 'align']) if (b[k] != null) m.set(k, b[k])
      for (const r of b.runs ?? [{ text: b.text ?? '' }]) if (r.text) t.insert(t.length, r.text, r.at ?? {})
    }
  })
}

class Room {
  constructor(id) {
    this.id = id
    this.doc = new Y.Doc({ gc: false })
    this.doc.clientID = 1
    this.text = this.doc.getText('body')
    this.sockets = new Set()
    this.comments = []
    this.replies = new Map()
    this.frozen = false
    this.holdAcks = false
    this.awareness = new Map()
  }
  push(frame, except) { for (const s of this.sockets) if (s !== except) s.send(frame) }
  event(e) { this.push(text(18, e)) }
}

const index = (room, b64) => { const p = Y.createAbsolutePositionFromRelativePosition(Y.decodeRelativePosition(Buffer.from(b64, 'base64')), room.doc); return p && p.type === room.text ? p.index : null }
const plain = (room, from, to) => { let i = 0; let out = ''; for (const op of room.text.toDelta()) { const s = typeof op.insert === 'string' ? op.insert : '\n'; out += s.slice(Math.max(0, from - i), Math.max(0, to - i)); i += s.length } return out }

function command(room, who, name, a) {
  const right = PEOPLE[who].right
  const find = () => { const c = room.comments.find(x => x.id === a.comment); if (!c) throw { code: 'not_found', title: 'Připomínka neexistuje.' }; return c }
  const author = { id: who, name: PEOPLE[who].name, unit: PEOPLE[who].unit }
  const at = new Date().toISOString()
  if (right === 'view') throw { code: 'denied', title: 'K připomínkování nemáte oprávnění.' }
  const anchored = anchor => {
    if (!anchor) return { anchor: null, quote: '' }
    const from = index(room, anchor.start); const to = index(room, anchor.end)
    if (from == null || to == null || from >= to) throw { code: 'invalid', title: 'Označený text se nepodařilo najít.' }
    return { anchor, quote: plain(room, from, to) }
  }
  let c
  switch (name) {
    case 'comment.add':
      c = { id: `c${room.comments.length + 1}`, document: room.id, number: room.comments.length + 1, kind: a.kind, state: 'open', author, at, ...anchored(a.anchor), prefix: '', suffix: '', block: a.block ?? '', orphan: false, text: a.text, reasoning: a.reasoning ?? '', proposed: a.proposed ?? null, replies: [], settlement: null, applied: false, mine: false }
      room.comments.push(c)
      break
    case 'comment.edit': c = find(); for (const k of ['text', 'kind', 'reasoning', 'proposed']) if (k in a) c[k] = a[k]; break
    case 'comment.reply': c = find(); c.replies.push({ id: `r${Math.random()}`, author, at, text: a.text }); break
    case 'comment.withdraw': c = find(); c.state = 'withdrawn'; break
    case 'comment.reanchor': c = find(); Object.assign(c, anchored(a.anchor), { orphan: false }); break
    case 'comment.settle':
      if (right !== 'edit') throw { code: 'denied', title: 'Vypořádat připomínku může jen zpracovatel.' }
      c = find(); c.state = 'settled'; c.settlement = { outcome: a.outcome, reasoning: a.reasoning ?? '', by: author, at }
      break
    case 'comment.accept': {
      if (right !== 'edit') throw { code: 'denied', title: 'Přijmout znění může jen zpracovatel.' }
      c = find()
      const from = index(room, c.anchor.start); const to = index(room, c.anchor.end)
      const before = Y.encodeStateVector(room.doc)
      room.doc.transact(() => { if (c.proposed) room.text.insert(to, c.proposed, {}); room.text.delete(from, to - from) })
      room.push(sync(2, Y.encodeStateAsUpdate(room.doc, before)))
      c.applied = true; c.state = 'settled'; c.settlement = { outcome: 'accepted', reasoning: '', by: author, at }
      break
    }
    default: throw { code: 'invalid', title: 'Neznámý příkaz.' }
  }
  room.event({ type: 'comment', comment: c })
  return c
}

function receive(room, ws, who, data) {
  const d = decoding.createDecoder(new Uint8Array(data))
  const kind = decoding.readVarUint(d)
  if (kind === 0) {
    const step = decoding.readVarUint(d)
    const body = decoding.readVarUint8Array(d)
    if (step === 0) return ws.send(sync(1, Y.encodeStateAsUpdate(room.doc, body)))
    if (PEOPLE[who].right !== 'edit') return ws.close(4403, 'right')
    if (room.frozen) return ws.close(4409, 'frozen')
    for (const [client, clock] of Y.parseUpdateMeta(body).from) if (clock > Y.getState(room.doc.store, client)) return ws.close(4422, 'clock')
    Y.applyUpdate(room.doc, body, ws)
    ws.frames++
    room.push(sync(2, body), ws)
    if (!room.holdAcks) ws.send(bytes(e => { encoding.writeVarUint(e, 17); encoding.writeVarUint(e, ws.frames) }))
  } else if (kind === 1) {
    const u = decoding.readVarUint8Array(d)
    const r = decoding.createDecoder(u)
    const out = bytes(e => {
      const n = decoding.readVarUint(r)
      encoding.writeVarUint(e, n)
      for (let i = 0; i < n; i++) {
        const client = decoding.readVarUint(r); const clock = decoding.readVarUint(r); const state = JSON.parse(decoding.readVarString(r))
        encoding.writeVarUint(e, client); encoding.writeVarUint(e, clock)
        encoding.writeVarString(e, JSON.stringify(state && { ...state, user: ws.person }))
      }
    })
    const frame = bytes(e => { encoding.writeVarUint(e, 1); encoding.writeVarUint8Array(e, out) })
    room.awareness.set(ws, frame)
    room.push(frame, ws)
  } else if (kind === 3) {
    for (const [s, f] of room.awareness) if (s !== ws) ws.send(f)
  } else if (kind === 19) {
    const c = JSON.parse(decoding.readVarString(d))
    let reply = room.replies.get(c.id)
    if (!reply) {
      try { reply = { type: 'reply', id: c.id, result: command(room, who, c.name, c.args) } } catch (error) { reply = { type: 'reply', id: c.id, error: error.code ? error : { code: 'internal', title: String(error) } } }
      room.replies.set(c.id, reply)
    }
    ws.send(text(18, reply))
  }
}

const page = (id, who, lang) => `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Úprava materiálu</title>
<link rel="stylesheet" href="/assets/pages.css"><link rel="stylesheet" href="/assets/editor.css"></head><body class="page--editor"><a class="skip" href="#main">Přeskočit na obsah</a>
<header class="top"><div class="top__row"><a class="brand" href="/">Spolupis</a><div class="who"><span class="who__name">${PEOPLE[who].name}</span></div></div><nav class="nav" aria-label="Hlavní nabídka"><ul><li><a href="/documents" aria-current="page">Materiály</a></li></ul></nav></header>
<main id="main" class="page" tabindex="-1"><div id="editor" data-document="${id}" data-lang="${lang}" data-title="Poskytnutí dotací z rozpočtu kraje" data-number="KULK 117/2026" data-user='{"id":"${who}","name":"${PEOPLE[who].name}"}'></div></main>
<footer class="foot"><div class="foot__row"><p>Spolupis</p></div></footer><script type="module" src="/assets/editor.js"></script></body></html>`
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types ProseMirrorClipboard"
const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2' }

/** start serves on 127.0.0.1; port 0 takes any. Rooms begin with what fill(doc, id) writes. */
export async function start({ port = 0, fill = () => {} } = {}) {
  const rooms = new Map()
  let refuse = false
  let client = 100
  const leases = new Map()
  const room = id => { let r = rooms.get(id); if (!r) { r = new Room(id); fill(r.doc, id); rooms.set(id, r) } return r }
  const whoOf = req => { const c = /(?:^|; )who=(\w+)/.exec(req.headers.cookie ?? '')?.[1] ?? new URL(req.url, 'http://x').searchParams.get('as'); return c && PEOPLE[c] ? c : 'jana' }
  const http = createServer((req, res) => {
    const u = new URL(req.url, 'http://x')
    const send = (status, type, body, more = {}) => { res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...more }); res.end(body) }
    const asset = /^\/assets\/([\w.-]+)$/.exec(u.pathname)
    if (asset && existsSync(new URL(asset[1], dist))) return send(200, TYPES[asset[1].split('.').pop()] ?? 'application/octet-stream', readFileSync(new URL(asset[1], dist)))
    const edit = /^\/documents\/([\w-]+)\/edit$/.exec(u.pathname)
    const as = u.searchParams.get('as')
    if (edit) return send(200, 'text/html; charset=utf-8', page(edit[1], as ?? whoOf(req), u.searchParams.get('lang') ?? 'cs'), { 'content-security-policy': CSP, ...(as ? { 'set-cookie': `who=${as}; path=/` } : {}) })
    const list = /^\/api\/v1\/documents\/([\w-]+)\/comments$/.exec(u.pathname)
    if (list) return send(200, 'application/json', JSON.stringify({ comments: room(list[1]).comments }))
    send(404, 'text/plain', 'nothing here')
  })
  const wss = new WebSocketServer({ noServer: true, handleProtocols: ps => (ps.has('spolupis.v1') ? 'spolupis.v1' : false) })
  http.on('upgrade', (req, socket, head) => {
    const m = /^\/collab\/([\w-]+)/.exec(req.url)
    if (!m || refuse) return socket.destroy()
    wss.handleUpgrade(req, socket, head, ws => {
      const r = room(m[1])
      const who = whoOf(req)
      const want = Number(new URL(req.url, 'http://x').searchParams.get('client'))
      const id = leases.get(want) === who ? want : ++client
      leases.set(id, who)
      ws.frames = 0
      ws.person = { id: who, name: PEOPLE[who].name, color: COLORS[Object.keys(PEOPLE).indexOf(who)] }
      r.sockets.add(ws)
      ws.on('close', () => { r.sockets.delete(ws); r.awareness.delete(ws) })
      ws.on('message', data => { try { receive(r, ws, who, data) } catch (e) { console.error(e); ws.close(4422, 'malformed') } })
      ws.send(text(16, { client: String(id), person: ws.person, right: PEOPLE[who].right, frozen: r.frozen, schema: 1, epoch: '1' }))
      if (PEOPLE[who].right === 'edit' && !r.frozen) ws.send(sync(0, Y.encodeStateVector(r.doc)))
    })
  })
  await new Promise(done => http.listen(port, '127.0.0.1', done))
  const address = `127.0.0.1:${http.address().port}`
  return {
    address, url: `http://${address}`, room,
    refuse(on) { refuse = on },
    /** drop cuts every connection, as a network does. */
    drop() { for (const r of rooms.values()) for (const s of r.sockets) s.terminate() },
    close(code) { for (const r of rooms.values()) for (const s of r.sockets) s.close(code, '') },
    stop() { this.drop(); wss.close(); return new Promise(done => { http.closeAllConnections(); http.close(done) }) },
  }
}

export const SAMPLE = [
  { kind: 'h', level: 1, text: 'Důvodová zpráva' },
  { text: 'Radě kraje je předkládán návrh na poskytnutí účelových dotací z rozpočtu kraje na rok 2026 v celkové výši 4 250 000 Kč.' },
  { kind: 'h', level: 2, text: 'Shrnutí' },
  { runs: [{ text: 'Dotace jsou určeny na ' }, { text: 'obnovu místních komunikací', at: { strong: true } }, { text: ' v obcích do 2 000 obyvatel. Podrobnosti uvádí ' }, { text: 'zásady dotačního programu', at: { link: { href: 'https://example.cz/zasady' } } }, { text: '.' }] },
  { kind: 'ul', text: 'obec musí doložit ' + 'vlastní podíl 30 %' },
  { kind: 'ul', level: 1, text: 'podíl může tvořit i práce dobrovolníků' },
  { kind: 'ul', text: 'žádost se podává do 15. prosince' },
  { kind: 'h', level: 2, text: 'Postup' },
  { kind: 'ol', text: 'Odbor dopravy zkontroluje žádosti.' },
  { kind: 'ol', level: 1, text: 'formální náležitosti' },
  { kind: 'ol', level: 1, text: 'oprávněnost žadatele' },
  { kind: 'ol', text: 'Rada kraje schválí seznam příjemců.' },
  { kind: 'quote', text: 'Podle § 59 zákona o krajích je rozhodování v této věci vyhrazeno radě.' },
  { cell: 't1|r1|c1|h', text: 'Obec' }, { cell: 't1|r1|c2|h', text: 'Účel' }, { cell: 't1|r1|c3|h', align: 'right', text: 'Částka (Kč)' },
  { cell: 't1|r2|c1', text: 'Horní Lhota' }, { cell: 't1|r2|c2', text: 'oprava mostku' }, { cell: 't1|r2|c3', align: 'right', text: '1 200 000' },
  { cell: 't1|r3|c1', text: 'Dolní Lhota' }, { cell: 't1|r3|c2', text: 'chodník u školy' }, { cell: 't1|r3|c3', align: 'right', text: '850 000' },
  { text: 'Rada kraje po projednání schvaluje poskytnutí dotací podle přílohy č. 1.' },
]

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const s = await start({ port: Number(process.argv[2] ?? 4301), fill: doc => seed(doc, SAMPLE) })
  console.log(`${s.url}/documents/m1/edit?as=jana (jana, petr edit; klara comments; tomas reads)`)
}
