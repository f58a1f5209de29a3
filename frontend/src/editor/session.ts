import { batch, computed, effect, signal } from '@preact/signals'
import { type EditorState, TextSelection } from 'prosemirror-state'
import * as Y from 'yjs'
import type { CommentKind, Outcome } from '../comments/comment.ts'
import { highlightKey, highlightPlugin } from '../comments/highlight.ts'
import { Comments } from '../comments/store.ts'
import { Connection, Refused } from '../net/connection.ts'
import type { Hello, Json } from '../net/wire.ts'
import { plural, t } from '../text.ts'
import { type Entry, entriesOf, fileAuthor, keyOf } from '../tracked/change.ts'
import { flatOf, posOf } from '../tracked/live.ts'
import { describeChange, quoteOf } from '../tracked/words.ts'
import { LOCAL } from './binding.ts'
import { type Peer, peersOf } from './carets.ts'
import { cellAt, linkAt } from './commands.ts'
import { isTable, refsOf } from './flat.ts'
import { type Kind, kindOf, levelOf, randomId, schema } from './schema.ts'
import { unsavedText } from './unsaved.ts'
import { Paper } from './view.ts'

/** What the toolbar and the status bar show of the caret's place. */
export interface Format { kind: Kind; level: number; strong: boolean; em: boolean; link: boolean; selected: boolean; table: boolean; undo: boolean; redo: boolean; block: number }
export interface Heading { text: string; level: number; index: number }
export interface Page { document: string; title: string; number: string; user: { id: string; name: string }; lang: string; socket: string; comments: string; changes: string }

const NOTHING: Format = { kind: 'p', level: 0, strong: false, em: false, link: false, selected: false, table: false, undo: false, redo: false, block: 1 }
/** The newest body model this editor understands; a newer document opens for reading. */
const SCHEMA = 2

/** Session is one person at one document: the text, the line to the server, the page and the comments. */
export class Session {
  readonly doc = new Y.Doc()
  readonly connection: Connection
  readonly hello = signal<Hello | null>(null)
  readonly frozen = signal<{ version: string; number: number } | null>(null)
  readonly format = signal<Format>(NOTHING)
  readonly outline = signal<readonly Heading[]>([])
  readonly words = signal(0)
  readonly peers = signal<readonly Peer[]>([])
  readonly paper = signal<Paper | null>(null)
  readonly comments = signal<Comments | null>(null)
  /** A sentence for everybody, read out by screen readers; the newest one counts. */
  readonly said = signal('')
  /** Whether what is said is shown on the screen too. */
  readonly shown = signal(false)
  readonly dialog = signal<'link' | 'accept' | 'reject' | null>(null)
  /** Whether what is written here is a proposal. */
  readonly suggesting = signal(false)
  /** Tracked changes in the order of the text, the one at the caret, and whether any of them is selected. */
  readonly changes = signal<readonly Entry[]>([])
  readonly change = signal<string | null>(null)
  readonly chosen = signal<readonly string[]>([])
  /** Names of people by their ids. */
  readonly names = signal<ReadonlyMap<string, string>>(new Map())
  /** What stands beside the text. */
  readonly side = signal<'comments' | 'changes'>('comments')
  readonly composing = signal<{ quote: string; anchor: { start: string; end: string } | null; block: string } | null>(null)
  readonly panelOpen = signal(false)
  readonly readable = computed(() => this.connection.status.value.loaded)
  readonly canEdit = computed(() => {
    const h = this.hello.value
    return h?.right === 'edit' && h.schema <= SCHEMA && !this.frozen.value && this.connection.status.value.link !== 'ended'
  })
  readonly canComment = computed(() => this.hello.value !== null && this.hello.value.right !== 'view' && this.connection.status.value.link !== 'ended')

  private slow: ReturnType<typeof setTimeout> | undefined
  private frame = 0
  private hush: ReturnType<typeof setTimeout> | undefined
  private undoManager: Y.UndoManager | null = null
  private drawn: EditorState['doc'] | null = null
  private asked = new Set<string>()

  constructor(readonly page: Page) {
    this.connection = new Connection({
      url: page.socket, doc: this.doc,
      mine: origin => origin === LOCAL || (origin !== null && origin === this.undoManager),
      onHello: h => this.welcome(h),
      onEvent: e => this.event(e),
    })
    this.connection.awareness.on('change', () => { this.peers.value = peersOf(this.connection.awareness) })
    effect(() => { void this.canEdit.value; this.paper.value?.refresh() })
    let link = this.connection.status.value.link
    effect(() => {
      const now = this.connection.status.value.link
      if (link === 'open' && now === 'lost') this.say(t('editor.said.lost'))
      if (link === 'lost' && now === 'open') { this.say(t('editor.said.back')); this.loadComments() }
      link = now
    })
  }

  /** mount shows the text in an element; called once, when the text has arrived. */
  mount(element: HTMLElement) {
    const paper = new Paper({
      mount: element, text: this.doc.getText('body'), awareness: this.connection.awareness, label: t('editor.text'), lang: 'cs',
      canEdit: () => this.canEdit.peek(),
      onState: (s, before) => this.onState(s, before),
      onLink: () => { this.dialog.value = 'link' },
      onComment: () => this.startComment(),
      onStep: by => (this.side.peek() === 'changes' ? this.stepChange(by) : this.step(by)),
      onSuggest: () => this.suggest(!this.suggesting.peek()),
      author: () => ({ by: this.hello.peek()?.person.id ?? this.page.user.id, now: Date.now(), id: randomId, direct: !this.suggesting.peek() }),
      describe: (how, c) => describeChange(how, c, this.nameOf(c.by)),
      onEscape: () => this.say(t('editor.said.escape')),
      onPasteTooLong: () => this.say(t('editor.said.paste_too_long'), true),
      plugins: binding => { this.comments.value = new Comments(binding, this.page.user.id, () => this.redraw()); return [highlightPlugin(() => this.comments.peek())] },
    })
    this.undoManager = paper.undo
    try { this.suggesting.value = sessionStorage.getItem(`suggest:${this.page.document}`) === '1' } catch { /* a browser that keeps nothing begins without */ }
    if (location.hash === '#changes') this.side.value = 'changes'
    this.paper.value = paper
    this.connection.gate.screen = paper.screen
    this.onState(paper.view.state, null)
    for (const event of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) paper.undo.on(event, () => this.later())
    void this.loadComments()
    effect(() => { void this.comments.value?.active.value; this.redraw() })
  }

  /** say has a sentence read out; with seen it stands on the screen for a while as well. */
  say(sentence: string, seen = false) {
    clearTimeout(this.hush)
    batch(() => { this.said.value = ''; this.shown.value = seen })
    queueMicrotask(() => { this.said.value = sentence })
    if (seen) this.hush = setTimeout(() => batch(() => { this.said.value = ''; this.shown.value = false }), 10_000)
  }

  private welcome(h: Hello) {
    this.hello.value = h
    if (h.frozen && !this.frozen.value) this.frozen.value = { version: '', number: 0 }
    if (!h.frozen) this.frozen.value = null
  }

  private event(e: Json & { type: string }) {
    if (e.type === 'comment') this.comments.value?.put(e.comment)
    if (e.type === 'frozen') { this.frozen.value = { version: String(e.version ?? ''), number: Number(e.number) || 0 }; this.say(t('editor.frozen')) }
    if (e.type === 'reopened') { this.frozen.value = null; this.say(t('editor.said.reopened')) }
  }

  // ---- what the bars show

  private onState(state: EditorState, before: EditorState | null) {
    if (before && before.doc !== state.doc) { clearTimeout(this.slow); this.slow = setTimeout(() => this.survey(), 400) }
    if (!before) this.survey()
    this.later()
  }

  private later() { this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.look() }) }

  private look() {
    const p = this.paper.value
    if (!p) return
    const { state } = p.view
    const { $from, empty, from, to } = state.selection
    const n = $from.parent
    const block = n.type === schema.nodes.block
    const has = (name: 'strong' | 'em') => (empty ? !!schema.marks[name].isInSet(state.storedMarks ?? $from.marks()) : state.doc.rangeHasMark(from, to, schema.marks[name]))
    this.format.value = {
      kind: block ? kindOf(n) : 'p', level: block ? levelOf(n) : 0, strong: has('strong'), em: has('em'), link: block && linkAt(state) !== null,
      selected: !empty && state.selection instanceof TextSelection, table: cellAt($from) !== null,
      undo: p.undo.canUndo(), redo: p.undo.canRedo(), block: $from.index(0) + 1,
    }
    this.lookAtChanges(state)
  }

  private lookAtChanges(state: EditorState) {
    if (this.drawn !== state.doc) {
      this.drawn = state.doc
      const changes = entriesOf(state.doc)
      if (changes.length || this.changes.value.length) this.changes.value = changes
      void this.askNames()
    }
    if (!this.changes.value.length) { if (this.change.value) this.change.value = null; if (this.chosen.value.length) this.chosen.value = []; return }
    const [from, to] = [flatOf(state.doc, state.selection.from), flatOf(state.doc, state.selection.to)]
    const at = (e: Entry) => e.parts.some(p => (from === to ? p.from <= from && from <= p.to : p.from < to && from < p.to))
    const here = this.changes.value.filter(at)
    const now = here.find(e => e.key === this.change.value) ?? here[0]
    this.change.value = now?.key ?? null
    this.chosen.value = state.selection.empty ? [] : here.map(e => e.key)
  }

  private survey() {
    const doc = this.paper.value?.view.state.doc
    if (!doc) return
    const headings: Heading[] = []
    let words = 0
    doc.forEach((n, _pos, index) => {
      if (!isTable(n) && kindOf(n) === 'h' && n.textContent.trim()) headings.push({ text: n.textContent, level: levelOf(n), index })
    })
    for (const r of refsOf(doc)) words += r.node.textContent.match(/\S+/g)?.length ?? 0
    batch(() => { this.outline.value = headings; this.words.value = words })
  }

  private redraw() {
    const v = this.paper.value?.view
    if (v && !v.isDestroyed) v.dispatch(v.state.tr.setMeta(highlightKey, true))
  }

  // ---- going to places

  /** goToChild puts the caret at the start of a child of the document and shows it. */
  goToChild(index: number) {
    const v = this.paper.value?.view
    if (!v || index >= v.state.doc.childCount) return
    let pos = 0
    for (let i = 0; i < index; i++) pos += v.state.doc.child(i).nodeSize
    this.select(pos + 1, pos + 1)
  }

  private select(from: number, to: number, focus = true) {
    const v = this.paper.value?.view
    if (!v) return
    v.dispatch(v.state.tr.setSelection(TextSelection.between(v.state.doc.resolve(from), v.state.doc.resolve(to))))
    const dom = v.domAtPos(from).node
    const e = dom instanceof HTMLElement ? dom : dom.parentElement
    const box = v.coordsAtPos(from)
    if (box.top < 90 || box.bottom > innerHeight - 80) e?.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })
    if (focus) v.focus()
  }

  /** show makes a comment the active one and shows its place. */
  show(id: string, focus: boolean) {
    const c = this.comments.value
    const v = this.paper.value?.view
    if (!c || !v) return
    c.active.value = id
    this.side.value = 'comments'
    const place = c.place(id)
    if (place) this.select(c.binding.pmPos(v.state.doc, place.from), c.binding.pmPos(v.state.doc, focus ? place.from : place.to), focus)
  }

  /** step goes to the next or the one before; the sentence says which. */
  step(by: 1 | -1) {
    const c = this.comments.value?.neighbour(by)
    if (!c) { this.say(t('editor.comments.none'), true); return }
    this.show(c.id, true)
    this.say(t('editor.said.comment', c.number, c.author.name, c.text))
  }

  // ---- tracked changes

  /** suggest turns suggesting mode on or off; it stays so in this window. */
  suggest(on: boolean) {
    if (!this.canEdit.peek()) return
    this.suggesting.value = on
    try { sessionStorage.setItem(`suggest:${this.page.document}`, on ? '1' : '0') } catch { /* see mount */ }
    if (on) this.side.value = 'changes'
    this.paper.value?.undo.stopCapturing()
    this.say(t(on ? 'editor.said.suggesting' : 'editor.said.editing'))
  }

  /** nameOf says who a change is by; somebody who never wrote here under his own login is shown as the change names him. */
  nameOf(by: string): string {
    const named = fileAuthor(by)
    if (named !== null) return t('editor.change.file', named || t('editor.change.somebody'))
    if (by === this.hello.value?.person.id) return this.hello.value.person.name
    return this.names.value.get(by) ?? this.peers.value.find(p => p.id === by)?.name ?? by
  }

  private async askNames() {
    const unknown = [...new Set(this.changes.value.map(c => c.by))].filter(by => by && fileAuthor(by) === null && by !== this.hello.value?.person.id && !this.names.value.has(by) && !this.asked.has(by))
    if (!unknown.length || this.connection.status.value.link !== 'open') return
    for (const by of unknown) this.asked.add(by)
    try {
      const r = await fetch(this.page.changes, { headers: { accept: 'application/json' }, credentials: 'same-origin' })
      if (!r.ok) throw new Error(String(r.status))
      const body = (await r.json()) as { changes?: { by?: { id?: unknown; name?: unknown } }[] }
      const names = new Map(this.names.value)
      for (const c of body.changes ?? []) if (typeof c.by?.id === 'string' && typeof c.by.name === 'string') names.set(c.by.id, c.by.name)
      this.names.value = names
    } catch (err) { console.warn('names of people were not loaded', err) }
  }

  /** Decisions are made on a live line only: two people deciding differently without knowing of each other would lose both texts. */
  readonly canDecide = computed(() => this.canEdit.value && this.connection.status.value.link === 'open')

  /** decide accepts or rejects the changes with these keys; one step of undo takes it back. */
  decide(keys: readonly string[], accept: boolean) {
    const p = this.paper.value
    if (!p || !this.canDecide.peek() || !keys.length) return
    const all = this.changes.peek()
    const next = keys.length === 1 ? all[all.findIndex(e => e.key === keys[0]) + 1]?.key : undefined
    const meant = new Set(keys)
    p.undo.stopCapturing()
    p.binding.decide(c => meant.has(keyOf(c)), accept)
    p.undo.stopCapturing()
    this.later()
    if (next) this.change.value = next
    this.say(keys.length === 1 ? t(accept ? 'editor.said.accepted' : 'editor.said.rejected') : plural(accept ? 'editor.said.all_accepted' : 'editor.said.all_rejected', keys.length))
  }

  /** decideAll is decide for everything, what lies hidden in the text included. */
  decideAll(accept: boolean) {
    this.dialog.value = null
    this.decide(this.changes.peek().map(e => e.key), accept)
    this.paper.value?.view.focus()
  }

  /** showChange shows the place of a change and puts the caret there. */
  showChange(key: string, focus: boolean) {
    const e = this.changes.peek().find(x => x.key === key)
    const p = this.paper.value
    if (!e || !p) return
    this.change.value = key
    const { doc } = p.view.state
    const at = posOf(doc, e.parts[0].from + (e.parts[0].text.startsWith('¶') ? 1 : 0))
    this.select(at, at, focus)
    this.change.value = key
  }

  /** stepChange goes to the next change or the one before; the sentence says which. */
  stepChange(by: 1 | -1) {
    const all = this.changes.peek()
    if (!all.length) { this.say(t('editor.changes.none'), true); return }
    const i = all.findIndex(e => e.key === this.change.peek())
    const e = all[i < 0 ? (by > 0 ? 0 : all.length - 1) : (i + by + all.length) % all.length]
    this.showChange(e.key, true)
    this.say(`${describeChange(e.parts[0].how, e, this.nameOf(e.by))}: ${quoteOf(e)}`)
  }

  // ---- comments

  async loadComments() {
    try {
      const r = await fetch(this.page.comments, { headers: { accept: 'application/json' }, credentials: 'same-origin' })
      if (!r.ok) throw new Error(String(r.status))
      const body = (await r.json()) as Json
      this.comments.value?.load(Array.isArray(body.comments) ? body.comments : [])
    } catch (err) {
      console.error('comments were not loaded', err)
      if (this.connection.status.value.link === 'open') this.say(t('editor.comments.not_loaded'), true)
    }
  }

  /** startComment opens the form for the selection, or for the whole document when nothing is selected. */
  startComment(whole = false) {
    const c = this.comments.value
    const v = this.paper.value?.view
    if (!c || !v || !this.canComment.value) return
    const at = whole ? null : c.anchorOf(v.state)
    this.side.value = 'comments'
    this.panelOpen.value = true
    c.sketch(at?.range ?? null)
    this.composing.value = { quote: at?.quote ?? '', anchor: at?.anchor ?? null, block: at?.block ?? '' }
  }

  /** endComment closes the form. */
  endComment() {
    this.composing.value = null
    this.comments.value?.sketch(null)
    this.paper.value?.view.focus()
  }

  addComment(kind: CommentKind, text: string, reasoning: string, proposed: string | null) {
    const c = this.composing.value
    return this.ask('comment.add', { kind, anchor: c?.anchor ?? null, ...(c?.block ? { block: c.block } : {}), text, reasoning, proposed })
  }
  edit(comment: string, text: string) { return this.ask('comment.edit', { comment, text }) }
  reply(comment: string, text: string) { return this.ask('comment.reply', { comment, text }) }
  withdraw(comment: string) { return this.ask('comment.withdraw', { comment }) }
  settle(comment: string, outcome: Outcome, reasoning: string) { return this.ask('comment.settle', { comment, outcome, reasoning }) }
  accept(comment: string) { return this.ask('comment.accept', { comment }) }

  /** reanchor ties an orphan to the selected text. */
  reanchor(comment: string) {
    const v = this.paper.value?.view
    const at = v && this.comments.value?.anchorOf(v.state)
    if (!at) return Promise.resolve(t('editor.comments.select_first'))
    return this.ask('comment.reanchor', { comment, anchor: at.anchor })
  }

  /** Returns what went wrong in words, or null. */
  private async ask(name: string, args: Json): Promise<string | null> {
    try {
      const result = await this.connection.command(name, args)
      const c = this.comments.value?.put((result as Json | null)?.comment ?? result)
      if (c && name === 'comment.add') this.show(c.id, false)
      return null
    } catch (err) {
      return (err instanceof Refused && err.message) || t('editor.comments.failed')
    }
  }

  // ---- saving

  /** saved says in words how it stands with what was written here. */
  saved(clock: (ms: number) => string): { text: string; level: 'ok' | 'busy' | 'off' } {
    const s = this.connection.status.value
    if (s.link === 'ended') return { text: t('editor.save.ended'), level: 'off' }
    if (s.link !== 'open') return s.loaded ? { text: s.waiting ? plural('editor.save.waiting', s.waiting) : t('editor.save.offline'), level: 'off' } : { text: t('editor.save.connecting'), level: 'busy' }
    if (s.waiting && this.frozen.value) return { text: t('editor.save.frozen'), level: 'off' }
    if (s.waiting) return { text: t('editor.save.saving'), level: 'busy' }
    if (s.savedAt) return { text: t('editor.save.saved', clock(s.savedAt)), level: 'ok' }
    return { text: this.canEdit.value ? t('editor.save.nothing') : t('editor.save.reading'), level: 'ok' }
  }

  /** unsaved returns the paragraphs with text of mine that the server has not confirmed. */
  unsaved(): string {
    return this.connection.status.value.waiting ? unsavedText(this.doc.getText('body'), c => this.connection.acknowledged(c)) : ''
  }
}
