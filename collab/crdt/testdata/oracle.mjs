// Runs random editing histories with npm yjs and writes down what happened, so that a
// Go test can do the same with our engine and compare. One JSON request per line on
// stdin ({seed, mode}), one JSON answer per line on stdout.
//
// An answer is a list of events:
//   ["new", doc, client, gc]            a replica begins
//   ["edit", doc, [ops], update|null]   a local transaction and the bytes it made
//   ["apply", doc, update]              an update arrives
//   ["check", doc, state, sv, content]  what the replica is now
//   ["reload", doc, client]             the replica is rebuilt from its encoded state
//   ["sent", doc, update, client]       what a client would send to its server
//   ["merge", doc, [updates], merged]   the same without a document
//   ["diff", doc, sv, diff, diff of the encoded state]
//   ["places", doc, [[index, assoc, relative position]], [[relative position, index]]]
//
// mode "mirror": every edit is one that the Go API can do, and its bytes are compared.
// mode "observe": anything Yjs can do (undo, XML, nested types, subdocuments, objects as
// marks); only the replicas that merely receive are compared.
// mode "client": the same without subdocuments, which our server does not take.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const roots = [process.env.SPOLUPIS_YJS, join(here, '../../../frontend')].filter(Boolean)
const root = roots.find(r => existsSync(join(r, 'node_modules/yjs/package.json')))
if (!root) {
  console.log(JSON.stringify({ error: 'yjs is not installed' }))
  process.exit(3)
}
const require = createRequire(pathToFileURL(join(root, 'x.js')))
const Y = require('yjs')
console.log(JSON.stringify({ yjs: require(join(root, 'node_modules/yjs/package.json')).version }))

console.info = console.warn = console.debug = console.error // stdout carries answers only
console.log = console.error

const b64 = u => Buffer.from(u).toString('base64')

function random (seed) {
  let a = seed >>> 0
  const next = () => {
    a = (a + 0x6D2B79F5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const r = n => Math.floor(next() * n)
  return { int: r, chance: p => next() < p, pick: l => l[r(l.length)] }
}

const words = ['a', 'b', 'xy', ' ', 'hello', 'čeština', 'žluťoučký kůň', '😀', 'x😀y', '\n', 'ab\ncd', '👩‍👩‍👧', '日本', '\u0000', '"\\', '🇨🇿', 'q'.repeat(30)]
const keys = ['a', 'b', 'c', 'kind', 'level', 'č', 'e1', 'e2', 'e3', 'e4', 'e5']

// plain content for comparison; the Go side builds the same
function plain (v) {
  if (v instanceof Y.XmlElement) return { el: v.nodeName, ch: v.toArray().map(plain), at: sorted(Object.fromEntries(Object.entries(v.getAttributes()).map(([k, x]) => [k, plain(x)]))) }
  if (v instanceof Y.XmlFragment) return { fr: v.toArray().map(plain) }
  if (v instanceof Y.Text) return { t: delta(v) }
  if (v instanceof Y.Array) return { a: v.toArray().map(plain) }
  if (v instanceof Y.Map) {
    const o = {}
    for (const [k, x] of v.entries()) o[k] = plain(x)
    return { m: sorted(o) }
  }
  if (v instanceof Y.Doc) return { doc: v.guid }
  if (v instanceof Uint8Array) return { bin: b64(v) }
  if (v === undefined) return null
  if (typeof v === 'bigint') return { big: String(v) }
  return v
}
const sorted = o => Object.fromEntries(Object.keys(o).sort().map(k => [k, o[k]]))
function delta (t) {
  return t.toDelta().map(op => {
    const o = { i: typeof op.insert === 'string' ? op.insert : { x: plain(op.insert) } }
    if (op.attributes) o.a = sorted(op.attributes)
    return o
  })
}
function content (doc) {
  const c = {}
  for (const [name, type] of doc.share) {
    c[name] = plain(name === 'text' ? doc.getText('text') : name === 'map' ? doc.getMap('map') : name === 'array' ? doc.getArray('array') : doc.getXmlFragment('xml'))
  }
  return c
}

class History {
  constructor (seed, mode) {
    this.r = random(seed)
    this.mode = mode === 'client' ? 'observe' : mode
    this.subdocs = mode !== 'client'
    this.events = []
    this.docs = []
    this.inbox = []
    this.undo = []
    const r = this.r
    const n = 2 + r.int(4)
    this.editors = n
    this.observers = mode === 'observe' ? 2 : 0
    for (let i = 0; i < n + this.observers; i++) {
      let client = 1 + r.int(1 << 30)
      if (r.chance(0.2)) client = 2 ** 32 + r.int(1 << 20) * 4099 + i
      if (r.chance(0.2)) client = 2 ** 53 - 1 - r.int(1 << 20) * 8191 - i
      if (r.chance(0.2)) client = 100 + i
      this.start(i, client, i >= n ? i === n : true)
      this.inbox.push([])
    }
  }

  start (i, client, gc) {
    const doc = new Y.Doc({ gc })
    doc.clientID = client
    doc.getText('text'); doc.getMap('map'); doc.getArray('array')
    if (this.mode === 'observe') doc.getXmlFragment('xml')
    this.docs[i] = doc
    this.local = this.local || []
    doc.on('update', (u, origin, d, tr) => { if (tr.local) this.local.push(u) })
    this.undo[i] = null
    if (this.mode === 'observe' && i < this.editors && this.r.chance(0.5)) {
      this.undo[i] = new Y.UndoManager([doc.getText('text'), doc.getMap('map'), doc.getArray('array')], { captureTimeout: 0 })
    }
    this.events.push(['new', i, client, gc])
  }

  spread (from, u) {
    this.events.push(['sent', from, b64(u), this.docs[from].clientID])
    for (let i = 0; i < this.docs.length; i++) if (i !== from) this.inbox[i].push(u)
  }

  edit (i) {
    const doc = this.docs[i]
    const r = this.r
    const ops = []
    this.local = []
    if (this.undo[i] && r.chance(0.2)) {
      if (r.chance(0.7)) this.undo[i].undo(); else this.undo[i].redo()
    } else {
      const n = r.chance(0.8) ? 1 : 2 + r.int(3)
      doc.transact(() => {
        for (let k = 0; k < n; k++) {
          const op = this.op(doc, i)
          if (op) ops.push(op)
        }
      }, r.chance(0.5) ? null : 'x')
    }
    if (this.mode === 'mirror') this.events.push(['edit', i, ops, this.local.length ? b64(this.local[0]) : null])
    for (const u of this.local) this.spread(i, u)
  }

  attrs () {
    const r = this.r
    const a = {}
    const names = ['bold', 'em', 'link', 'ins'].filter(() => r.chance(0.4))
    for (const k of names.sort()) {
      if (r.chance(0.3)) a[k] = null
      else if (this.mode === 'observe' && r.chance(0.4)) a[k] = r.pick([{ href: 'http://x' }, { id: '1', by: 'p-1', at: 5 }, { deep: { er: 1 } }, [1, 2]])
      else a[k] = r.pick([true, 'x', 1, false, 2.5, 'č"'])
    }
    return a
  }

  value () {
    const r = this.r
    return r.pick([1, -5, 0, 'text', 'ž', true, false, null, 1.5, 0.1, 2 ** 31, -(2 ** 40), [1, 'a', null], { a: 1, b: { c: [true] } }, '😀', [], {}, 12345678901])
  }

  op (doc, i) {
    const r = this.r
    const text = doc.getText('text')
    const map = doc.getMap('map')
    const array = doc.getArray('array')
    const x = r.int(100)
    const len = text.length
    const at = () => r.chance(0.3) ? len : r.int(len + 1)
    if (x < 30) {
      const p = at(); const s = r.pick(words)
      const inherit = r.chance(0.4)
      const a = inherit ? undefined : this.attrs()
      const op = ['insert', p, s, inherit ? null : { ...a }]
      text.insert(p, s, a)
      return op
    }
    if (x < 45) {
      if (len === 0) return null
      const p = r.int(len); const n = Math.min(1 + r.int(8), len - p)
      text.delete(p, n)
      return ['delete', p, n]
    }
    if (x < 58) {
      if (len === 0) return null
      const p = r.int(len); const n = Math.min(1 + r.int(8), len - p)
      const a = this.attrs()
      if (Object.keys(a).length === 0) return null
      text.format(p, n, { ...a })
      return ['format', p, n, a]
    }
    if (x < 62) {
      const p = at(); const v = r.pick([{ image: 'x.png', n: 1 }, { a: [1, 2, { b: null }] }, ['str'], 7, true])
      const a = r.chance(0.5) ? this.attrs() : {}
      text.insertEmbed(p, v, { ...a })
      return ['embed', p, v, a]
    }
    if (x < 68) {
      const p = at(); const m = new Y.Map(); const o = {}
      for (const k of ['cell', 'kind', 'level']) if (r.chance(0.6)) { o[k] = r.pick(['p', 'h', 1, 2]); m.set(k, o[k]) }
      const a = r.chance(0.3) ? this.attrs() : {}
      text.insertEmbed(p, m, { ...a })
      return ['embedmap', p, o, a]
    }
    if (x < 74) {
      const ms = text.toDelta().map(o => o.insert).filter(o => o instanceof Y.Map)
      if (ms.length === 0) return null
      const n = r.int(ms.length)
      const k = r.pick(keys); const v = this.value()
      if (r.chance(0.2)) { ms[n].delete(k); return ['nesteddel', n, k] }
      ms[n].set(k, v)
      return ['nestedset', n, k, v]
    }
    if (x < 82) {
      const k = r.pick(keys)
      if (r.chance(0.2)) { map.delete(k); return ['mapdel', k] }
      if (r.chance(0.15)) {
        const kind = r.pick(['map', 'array', 'text'])
        map.set(k, kind === 'map' ? new Y.Map() : kind === 'array' ? new Y.Array() : new Y.Text())
        return ['mapnest', k, kind]
      }
      const inner = map.get(k)
      if (inner instanceof Y.Map && r.chance(0.7)) {
        const v = this.value(); const ik = r.pick(keys)
        inner.set(ik, v)
        return ['mapinner', k, ik, v]
      }
      if (inner instanceof Y.Text && r.chance(0.7)) {
        const s = r.pick(words); const p = r.int(inner.length + 1)
        inner.insert(p, s)
        return ['textinner', k, p, s]
      }
      const v = this.value()
      map.set(k, v)
      return ['mapset', k, v]
    }
    if (x < 92 || this.mode === 'mirror') {
      const n = array.length
      if (r.chance(0.3) && n > 0) {
        const p = r.int(n); const c = Math.min(1 + r.int(3), n - p)
        array.delete(p, c)
        return ['arrdel', p, c]
      }
      const p = r.int(n + 1)
      const vs = []
      for (let k = 1 + r.int(3); k > 0; k--) vs.push(this.value())
      array.insert(p, vs)
      return ['arrins', p, vs]
    }
    return this.exotic(doc)
  }

  exotic (doc) {
    const r = this.r
    const array = doc.getArray('array')
    const xml = doc.getXmlFragment('xml')
    switch (r.int(8)) {
      case 0: array.insert(r.int(array.length + 1), [new Uint8Array([1, 2, r.int(256)])]); break
      case 1: if (this.subdocs) array.insert(r.int(array.length + 1), [new Y.Doc({ guid: 'g' + r.int(100) })]); break
      case 2: { const m = new Y.Map(); m.set('x', 1); array.insert(r.int(array.length + 1), [m]); break }
      case 3: doc.getMap('map').set(r.pick(keys), r.pick([10n, new Uint8Array([9]), undefined])); break
      case 4: { const e = new Y.XmlElement('p'); xml.insert(r.int(xml.length + 1), [e]); e.setAttribute('a', 'b'); break }
      default: {
        const els = xml.toArray().filter(e => e instanceof Y.XmlElement)
        if (els.length === 0) break
        const e = r.pick(els)
        if (r.chance(0.2)) { xml.delete(xml.toArray().indexOf(e), 1); break }
        const ts = e.toArray().filter(t => t instanceof Y.XmlText)
        if (ts.length === 0) { e.insert(0, [new Y.XmlText('start')]); break }
        const t = r.pick(ts)
        if (t.length > 0 && r.chance(0.4)) t.format(r.int(t.length), 1 + r.int(3), { bold: r.pick([true, null, {}]) })
        else if (t.length > 2 && r.chance(0.3)) t.delete(r.int(t.length - 1), 1)
        else t.insert(r.int(t.length + 1), r.pick(words))
      }
    }
    return null
  }

  receive (i, u) {
    this.local = []
    this.events.push(['apply', i, b64(u)])
    Y.applyUpdate(this.docs[i], u)
    // Yjs removes superfluous marks after remote changes, in a transaction of its own
    for (const c of this.local) {
      this.events.push(['apply', i, b64(c)])
      this.spread(i, c)
    }
  }

  deliver (i) {
    const box = this.inbox[i]
    const r = this.r
    if (box.length === 0) return
    if (r.chance(0.1) && box.length > 1) {
      const n = 2 + r.int(Math.min(4, box.length - 1))
      const some = box.splice(0, n)
      const merged = Y.mergeUpdates(some)
      this.events.push(['merge', i, some.map(b64), b64(merged)])
      this.receive(i, merged)
      return
    }
    const k = r.chance(0.7) ? 0 : r.int(box.length)
    const u = box[k]
    if (!r.chance(0.1)) box.splice(k, 1) // else it comes again
    this.receive(i, u)
  }

  check (i) {
    const doc = this.docs[i]
    if (i < this.editors && this.mode === 'observe') return
    const state = Y.encodeStateAsUpdate(doc)
    const other = Y.encodeStateVector(this.r.pick(this.docs))
    this.events.push(['diff', i, b64(other), b64(Y.encodeStateAsUpdate(doc, other)), b64(Y.diffUpdate(state, other))])
    const text = doc.getText('text')
    const places = []
    for (let k = 0; k < 4; k++) {
      const at = this.r.int(text.length + 1)
      for (const assoc of [0, -1]) places.push([at, assoc, b64(Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(text, at, assoc)))])
    }
    this.places = (this.places ?? []).concat(places).slice(-24)
    const found = this.places.map(p => {
      const a = Y.createAbsolutePositionFromRelativePosition(Y.decodeRelativePosition(Buffer.from(p[2], 'base64')), doc)
      return [p[2], a === null ? null : a.index]
    })
    this.events.push(['places', i, places, found])
    this.events.push(['check', i, b64(state), b64(Y.encodeStateVector(doc)), content(doc), b64(Y.encodeStateAsUpdateV2(doc)), b64(Y.encodeSnapshot(Y.snapshot(doc)))])
  }

  reload (i) {
    const doc = this.docs[i]
    const state = Y.encodeStateAsUpdate(doc)
    const client = doc.clientID
    this.start(i, client, doc.gc)
    this.events.pop()
    this.events.push(['reload', i, client])
    this.local = []
    this.docs[i].clientID = 1 // Yjs takes another id when it meets its own in an update
    Y.applyUpdate(this.docs[i], state)
    this.docs[i].clientID = client
    for (const c of this.local) {
      this.events.push(['apply', i, b64(c)])
      this.spread(i, c)
    }
  }

  run () {
    const r = this.r
    const steps = 20 + r.int(60)
    for (let s = 0; s < steps; s++) {
      const i = r.int(this.docs.length)
      const x = r.int(100)
      if (x < 45) { if (i < this.editors) this.edit(i) } else if (x < 96) this.deliver(i)
      else if (x < 98) this.check(i)
      else if (!this.docs[i].store.pendingStructs && !this.docs[i].store.pendingDs) this.reload(i)
    }
    for (let again = true; again;) {
      again = false
      for (let i = 0; i < this.docs.length; i++) {
        while (this.inbox[i].length > 0) { again = true; this.deliver(i) }
      }
    }
    for (let i = 0; i < this.docs.length; i++) this.check(i)
    if (this.mode === 'observe') {
      for (let i = 0; i < this.editors; i++) {
        // a fresh replica of what an editor with undo holds
        const at = this.docs.length
        const state = Y.encodeStateAsUpdate(this.docs[i])
        this.docs[at] = null
        this.inbox.push([])
        this.start(at, 5, true)
        this.receive(at, state)
        this.check(at)
      }
    }
    return this.events
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const req = JSON.parse(line)
  let answer
  try {
    if (req.mode === 'eval') {
      // apply the given updates one by one and report
      const doc = new Y.Doc({ gc: req.gc ?? true })
      for (const u of req.updates) Y.applyUpdate(doc, Buffer.from(u, 'base64'))
      answer = { state: b64(Y.encodeStateAsUpdate(doc)), text: doc.getText('text').toString(), pending: !!(doc.store.pendingStructs || doc.store.pendingDs) }
    } else {
      answer = { events: new History(req.seed, req.mode).run() }
    }
  } catch (e) {
    answer = { error: String(e.stack || e) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
