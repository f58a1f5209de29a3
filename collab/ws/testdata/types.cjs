// A document of every type, as npm yjs makes, edits and reads it.
// usage: node types.cjs FRONTEND_DIR seed               prints the state of a new document, a subdocument in it
//        node types.cjs FRONTEND_DIR edit URL ROOM TOKEN  joins, edits every type, waits for the other side, says what it has
//        node types.cjs FRONTEND_DIR read URL ROOM TOKEN  joins, says what it has
const { createRequire } = require('node:module')
const [dir, mode, url, room, token] = process.argv.slice(2)
const npm = createRequire(dir + '/package.json')
const Y = npm('yjs')

const doc = new Y.Doc()
const text = doc.getText('body')
const map = doc.getMap('map')
const array = doc.getArray('array')
const xml = doc.getXmlFragment('xml')
const hex = (b) => Buffer.from(b).toString('hex')

const seed = () => {
  text.insert(0, 'Usnesení 😀 rady', { strong: true })
  text.insertEmbed(4, { image: 'znak.png' }, { em: true })
  text.format(6, 3, { strong: null, link: { href: 'https://kraj.example' } })
  const paragraph = new Y.Map()
  text.insertEmbed(0, paragraph)
  paragraph.set('kind', 'h')
  text.delete(9, 2)
  map.set('values', [null, true, 1, -1.5, 'ř', { a: [1, 2] }])
  map.set('binary', new Uint8Array([0, 1, 255]))
  map.set('text', new Y.Text('inside'))
  map.set('map', new Y.Map([['deep', new Y.Array()]]))
  map.set('xml', new Y.XmlElement('table'))
  map.set('gone', new Y.Text('gone'))
  map.delete('gone')
  map.set('sub', new Y.Doc({ guid: 'annex-1' }))
  array.insert(0, [1, 'two', new Uint8Array([3]), new Y.Map([['k', 'v']]), new Y.Array(), new Y.Doc({ guid: 'annex-2' })])
  array.delete(0, 1)
  const p = new Y.XmlElement('p')
  p.setAttribute('class', 'lead')
  p.insert(0, [new Y.XmlText('odstavec')])
  xml.insert(0, [p, new Y.XmlText('volný text')])
}

const edit = () => {
  text.insert(3, 'npm ', { em: true })
  text.format(0, 8, { strong: true })
  text.insertEmbed(2, new Y.Map([['kind', 'ul']]))
  text.delete(5, 2)
  map.set('npm', new Y.Map([['list', new Y.Array()]]))
  map.get('npm').get('list').push([1.25, new Uint8Array([9, 9]), new Y.Text('žluťoučký 🐎')])
  map.get('text').insert(0, 'npm ')
  map.get('map').get('deep').push(['npm'])
  map.set('values', { npm: [true] })
  map.delete('binary')
  array.insert(1, [new Y.XmlElement('li'), 'npm', null])
  array.delete(0, 1)
  const p = xml.get(0)
  p.setAttribute('class', 'npm')
  p.get(0).insert(3, 'npm', { b: true })
  const item = new Y.XmlElement('li')
  p.insert(1, [item, new Y.XmlText('za')])
  item.insert(0, [new Y.XmlHook('hook')])
  xml.delete(1, 1)
  text.insert(text.length, '[npm done]')
}

const plain = (v) => {
  if (v instanceof Y.Doc) return { subdocument: v.guid }
  if (v instanceof Y.XmlElement || v instanceof Y.XmlFragment || v instanceof Y.XmlHook || v instanceof Y.XmlText) return v.toJSON()
  if (v instanceof Y.Text) return v.toDelta().map((d) => ({ ...d, insert: plain(d.insert) }))
  if (v instanceof Y.Array) return v.toArray().map(plain)
  if (v instanceof Y.Map) return Object.fromEntries([...v.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([k, x]) => [k, plain(x)]))
  if (v instanceof Uint8Array) return { binary: hex(v) }
  return v
}

const say = () => {
  console.log(JSON.stringify({
    state: hex(Y.encodeStateAsUpdate(doc)),
    text: text.toString(),
    content: { text: plain(text), map: plain(map), array: plain(array), xml: xml.toJSON() },
  }))
  process.exit(0)
}

if (mode === 'seed') {
  doc.transact(seed)
  say()
} else {
  const { WebsocketProvider } = npm('y-websocket')
  const { WebSocket } = npm('ws')
  const provider = new WebsocketProvider(url, room, doc, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true })
  provider.on('connection-close', (e) => {
    if (e && e.code >= 4400 && e.code < 4500) {
      console.log(JSON.stringify({ closed: e.code, reason: String(e.reason) }))
      process.exit(0)
    }
  })
  let edited = false
  const look = () => {
    if (!provider.synced) return
    if (mode === 'read') return say()
    if (!edited) {
      edited = true
      edit()
    }
    if (map.get('ours') === 'done') setTimeout(say, 200) // everything of our own has been sent: WebSocket keeps the order
  }
  provider.on('sync', look)
  doc.on('update', look)
  setTimeout(() => { console.log(JSON.stringify({ timeout: text.toString() })); process.exit(1) }, 45000)
}
