// A plain y-websocket client, as npm has it: joins a document with a token, writes, waits for the others' text, says what
// it has. usage: node plain.cjs FRONTEND_DIR WS_URL DOCUMENT TOKEN OWN_TEXT AWAITED_TEXT
const { createRequire } = require('node:module')
const [dir, url, room, token, own, awaited] = process.argv.slice(2)
const npm = createRequire(dir + '/package.json')
const Y = npm('yjs')
const { WebsocketProvider } = npm('y-websocket')
const { WebSocket } = npm('ws')

const doc = new Y.Doc()
const text = doc.getText('body')
const provider = new WebsocketProvider(url, room, doc, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true })
provider.awareness.setLocalStateField('user', { name: 'somebody else', color: 'red' })
provider.awareness.setLocalStateField('cursor', { a: 1, h: 1 })
provider.on('connection-close', (e) => {
  if (e && e.code >= 4400 && e.code < 4500) {
    console.log(JSON.stringify({ closed: e.code, reason: String(e.reason) }))
    process.exit(0)
  }
})
let written = false
const look = () => {
  if (provider.synced && !written) {
    written = true
    for (const c of own) text.insert(text.length, c)
  }
  if (written && text.toString().includes(awaited)) {
    setTimeout(() => { // everything of our own has been sent: WebSocket keeps the order
      console.log(JSON.stringify({
        text: text.toString(),
        state: Buffer.from(Y.encodeStateAsUpdate(doc)).toString('hex'),
        others: [...provider.awareness.getStates()].filter(([id]) => id !== doc.clientID).map(([, s]) => s.user.name),
      }))
      provider.destroy()
      process.exit(0)
    }, 200)
  }
}
provider.on('sync', look)
doc.on('update', look)
setTimeout(() => { console.log(JSON.stringify({ timeout: text.toString() })); process.exit(1) }, 15000)
