import { signal } from '@preact/signals'
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Gate } from './gate.ts'
import { decode, encodeAwareness, encodeCommand, encodeQuery, encodeStep1, encodeStep2, encodeUpdate, type Hello, type Json } from './wire.ts'

/** Why there will be no more connecting: the close code of the server, 4400–4499. */
export interface End { code: number; reason: string }

export interface Status {
  link: 'connecting' | 'open' | 'lost' | 'ended'
  /** The whole text has arrived at least once. */
  loaded: boolean
  /** Local edits that the server has not yet confirmed as durable. */
  waiting: number
  /** When the server last confirmed everything, ms since 1970. */
  savedAt: number | null
  /** Edits wait and nothing was confirmed for 20 s. */
  stuck: boolean
  end: End | null
}

export interface Config {
  url: string
  doc: Y.Doc
  /** Whether an update of the document was made here, told by the origin of its transaction. */
  mine: (origin: unknown) => boolean
  onHello: (hello: Hello) => void
  onEvent: (event: Json & { type: string }) => void
  WebSocket?: typeof WebSocket
  now?: () => number
  random?: () => number
}

/** An answer of the server that refuses a command, in the user's language. */
export class Refused extends Error { constructor(readonly code: string, title: string) { super(title) } }

interface Command { name: string; args: unknown; sent: boolean; resolve: (v: unknown) => void; reject: (e: Error) => void }
interface Sent { n: number; edits: number; clock: number }

const REMOTE = 'remote'
const SILENCE = 30_000
const STUCK = 20_000
/** At most one frame of edits in this time: the server takes 50 messages a second. */
const OUT = 40

/**
 * Connection keeps one document in step with the server. What is written here
 * counts as waiting until the server acknowledges it; after a lost connection
 * everything unacknowledged goes again in the answer to the server's sync
 * step 1. Commands wait for the connection and go once, told apart by their
 * id. It owns the document's client id: the server's hello sets it.
 */
export class Connection {
  readonly status = signal<Status>({ link: 'connecting', loaded: false, waiting: 0, savedAt: null, stuck: false, end: null })
  readonly awareness: Awareness
  readonly gate: Gate
  private socket: WebSocket | null = null
  private talking = false // presence and commands may go
  private ready = false // edits may go: the server has told what it has
  private lastOut = 0
  private client: number | null = null
  private attempt = 0
  private framesSent = 0
  private sent: Sent[] = []
  private unsent = 0
  private outbox: Uint8Array[] = []
  private outTimer: ReturnType<typeof setTimeout> | undefined
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private readonly tick: ReturnType<typeof setInterval>
  private heard = 0
  private progress = 0
  private readonly commands = new Map<string, Command>()
  private readonly ackedClocks = new Map<number, number>()
  private readonly now: () => number

  constructor(private readonly config: Config) {
    this.now = config.now ?? (() => Date.now())
    this.awareness = new Awareness(config.doc)
    this.gate = new Gate(updates => this.applyAll(updates))
    config.doc.on('update', this.onUpdate)
    this.awareness.on('update', this.onAwareness)
    this.tick = setInterval(() => this.watch(), 1000)
    globalThis.addEventListener?.('online', this.hurry)
    this.connect()
  }

  destroy() {
    globalThis.removeEventListener?.('online', this.hurry)
    clearInterval(this.tick)
    clearTimeout(this.retryTimer)
    clearTimeout(this.outTimer)
    this.config.doc.off('update', this.onUpdate)
    this.awareness.destroy()
    this.drop()
  }

  /** command asks the server for something; the promise waits through lost connections and fails with Refused. */
  command(name: string, args: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = uuid()
      const c: Command = { name, args, sent: false, resolve, reject }
      if (this.status.value.link === 'ended') { reject(new Refused('ended', '')); return }
      this.commands.set(id, c)
      this.sendCommands()
    })
  }

  /** acknowledged tells up to which clock the server confirmed the edits of a client id of ours; null when it is not ours. */
  acknowledged(client: number): number | null { return this.ackedClocks.get(client) ?? null }

  private set(change: Partial<Status>) {
    const s = this.status.value
    if (Object.entries(change).some(([k, v]) => s[k as keyof Status] !== v)) this.status.value = { ...s, ...change }
  }

  // ---- the socket

  private connect() {
    const W = this.config.WebSocket ?? WebSocket
    const ws = new W(this.client == null ? this.config.url : `${this.config.url}${this.config.url.includes('?') ? '&' : '?'}client=${this.client}`, ['spolupis.v1'])
    ws.binaryType = 'arraybuffer'
    this.socket = ws
    this.heard = this.now()
    ws.onmessage = e => {
      this.heard = this.now()
      try { this.receive(e.data as ArrayBuffer) } catch (err) { console.error('connection: a message was not understood', err); this.lost(1002, '') }
    }
    ws.onclose = e => this.lost(e.code, e.reason)
  }

  private drop() {
    const ws = this.socket
    this.socket = null
    this.ready = this.talking = false
    if (!ws) return
    ws.onmessage = ws.onclose = null
    ws.close()
  }

  private lost(code: number, reason: string) {
    this.gate.flush()
    this.drop()
    clearTimeout(this.outTimer)
    this.outTimer = undefined
    this.outbox = []
    this.unsent += this.sent.reduce((n, s) => n + s.edits, 0)
    this.sent = []
    for (const c of this.commands.values()) c.sent = false
    const others = [...this.awareness.getStates().keys()].filter(c => c !== this.awareness.clientID)
    removeAwarenessStates(this.awareness, others, REMOTE)
    if (code >= 4400 && code < 4500) {
      this.set({ link: 'ended', end: { code, reason }, waiting: this.unsent, stuck: false })
      for (const c of this.commands.values()) c.reject(new Refused('ended', ''))
      this.commands.clear()
      return
    }
    this.set({ link: 'lost', waiting: this.unsent })
    const most = Math.min(20_000, 500 * 2 ** this.attempt++)
    this.retryTimer = setTimeout(() => this.connect(), most * (0.3 + 0.7 * (this.config.random ?? Math.random)()))
  }

  private hurry = () => {
    if (this.status.value.link !== 'lost' || this.socket) return
    clearTimeout(this.retryTimer)
    this.attempt = 0
    this.connect()
  }

  private watch() {
    const now = this.now()
    if (this.socket && now - this.heard > SILENCE) this.lost(1006, '')
    this.set({ stuck: this.status.value.link !== 'ended' && this.status.value.waiting > 0 && now - this.progress > STUCK })
  }

  private send(frame: Uint8Array<ArrayBuffer>) { if (this.socket?.readyState === 1) this.socket.send(frame) }

  private receive(data: ArrayBuffer) {
    const m = decode(data)
    if (!m) return
    switch (m.type) {
      case 'hello': return this.welcome(m.hello)
      case 'step1': return this.answer(m.vector)
      case 'update':
        this.gate.push(m.update)
        if (!this.status.value.loaded) this.gate.flush()
        if (m.first) this.set({ loaded: true })
        return
      case 'awareness': return applyAwarenessUpdate(this.awareness, m.update, REMOTE)
      case 'query': return this.sendAwareness([this.awareness.clientID])
      case 'denied': return // the close code that follows says more
      case 'ack': return this.acked(m.n)
      case 'event': return this.event(m.event)
    }
  }

  private welcome(h: Hello) {
    const { doc } = this.config
    if (doc.clientID !== h.client) {
      const mine = this.awareness.getLocalState()
      removeAwarenessStates(this.awareness, [this.awareness.clientID], REMOTE)
      doc.clientID = h.client
      this.awareness.clientID = h.client
      this.awareness.setLocalState(mine)
    }
    this.client = h.client
    this.framesSent = 0
    this.attempt = 0
    this.config.onHello(h)
    this.set({ link: 'open' })
    this.send(encodeStep1(Y.encodeStateVector(doc)))
    this.send(encodeQuery())
    // Only who may edit is asked what he has; everybody else may speak at once.
    if (h.right !== 'edit' || h.frozen) this.talk()
  }

  private talk() {
    this.talking = true
    this.sendAwareness([this.awareness.clientID])
    this.sendCommands()
  }

  private answer(vector: Uint8Array) {
    this.ready = true
    if (this.unsent > 0) {
      const edits = this.unsent
      this.unsent = 0
      this.push(encodeStep2(Y.encodeStateAsUpdate(this.config.doc, vector)), edits)
    }
    this.talk()
  }

  // ---- edits out

  // Only what this person did is sent. Yjs also drops format marks that became redundant when a peer's edit
  // arrives; sent on, that would make every reader an author.
  private onUpdate = (update: Uint8Array, origin: unknown) => {
    if (!this.config.mine(origin)) return
    const { doc } = this.config
    if (!this.ackedClocks.has(doc.clientID)) this.ackedClocks.set(doc.clientID, this.clockBefore(update, doc.clientID))
    if (this.status.value.waiting === 0) this.progress = this.now()
    this.unsent++
    this.set({ waiting: this.status.value.waiting + 1 })
    if (!this.ready) return
    this.outbox.push(update)
    this.outTimer ??= setTimeout(() => this.flushOut(), Math.max(5, this.lastOut + OUT - this.now()))
  }

  private clockBefore(update: Uint8Array, client: number) { return Y.parseUpdateMeta(update).from.get(client) ?? Y.getState(this.config.doc.store, client) }

  private flushOut() {
    clearTimeout(this.outTimer)
    this.outTimer = undefined
    if (!this.ready || !this.outbox.length) return
    this.lastOut = this.now()
    const update = this.outbox.length === 1 ? this.outbox[0] : Y.mergeUpdates(this.outbox)
    this.outbox = []
    const edits = this.unsent
    this.unsent = 0
    this.push(encodeUpdate(update), edits)
  }

  private push(frame: Uint8Array<ArrayBuffer>, edits: number) {
    this.framesSent++
    this.sent.push({ n: this.framesSent, edits, clock: Y.getState(this.config.doc.store, this.config.doc.clientID) })
    this.send(frame)
  }

  private acked(n: number) {
    while (this.sent.length && this.sent[0].n <= n) {
      const s = this.sent.shift()!
      this.ackedClocks.set(this.config.doc.clientID, s.clock)
    }
    this.progress = this.now()
    const waiting = this.unsent + this.sent.reduce((k, s) => k + s.edits, 0)
    if (waiting === 0) for (const c of this.ackedClocks.keys()) this.ackedClocks.set(c, Y.getState(this.config.doc.store, c))
    this.set({ waiting, stuck: false, ...(waiting === 0 ? { savedAt: this.now() } : {}) })
  }

  // ---- text in

  private applyAll(updates: Uint8Array[]) {
    Y.transact(this.config.doc, () => { for (const u of updates) Y.applyUpdate(this.config.doc, u, REMOTE) }, REMOTE, false)
  }

  // ---- presence

  private onAwareness = ({ added, updated, removed }: { added: number[]; updated: number[]; removed: number[] }, origin: unknown) => {
    if (origin === REMOTE || !this.talking) return
    const mine = [...added, ...updated, ...removed].filter(c => c === this.awareness.clientID)
    if (mine.length) this.sendAwareness(mine)
  }

  private sendAwareness(clients: number[]) {
    if (this.talking && this.awareness.getLocalState()) this.send(encodeAwareness(encodeAwarenessUpdate(this.awareness, clients)))
  }

  // ---- commands and events

  private sendCommands() {
    if (!this.talking) return
    // A comment may lean on text that is still on its way out.
    this.flushOut()
    for (const [id, c] of this.commands) if (!c.sent) { c.sent = true; this.send(encodeCommand(id, c.name, c.args)) }
  }

  private event(e: Json & { type: string }) {
    if (e.type !== 'reply') return this.config.onEvent(e)
    const c = this.commands.get(String(e.id))
    if (!c) return
    this.commands.delete(String(e.id))
    const error = e.error as { code?: unknown; title?: unknown } | undefined
    if (error) c.reject(new Refused(String(error.code ?? ''), String(error.title ?? '')))
    else c.resolve(e.result)
  }
}

/** uuid makes an idempotency key; randomUUID itself is missing on plain http pages. */
export function uuid(): string {
  const b = crypto.getRandomValues(new Uint8Array(16))
  b[6] = (b[6] & 15) | 64
  b[8] = (b[8] & 63) | 128
  const h = [...b].map(x => x.toString(16).padStart(2, '0')).join('')
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`
}
