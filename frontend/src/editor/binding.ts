import type { Mark, Node as PMNode, Schema } from 'prosemirror-model'
import { type EditorState, Plugin, PluginKey, TextSelection, type Transaction } from 'prosemirror-state'
import * as Y from 'yjs'
import { type Delta, deltaOf } from './delta.ts'
import { patch } from './diff.ts'
import { assemble, type Attrs, flatSize, isTable, marksOf, markerAttrs, parseCell, type Ref, refsOf, reformat, type Run, runsOf, sameMarks, sameValue, type Tables, type Token, tokenAt, tokensOf } from './flat.ts'
import { decide, type Pick } from '../tracked/decide.ts'
import { type Aim, type Author, Proposal } from '../tracked/propose.ts'
import type { Span } from '../tracked/live.ts'
import { MARKER_KEYS, randomId } from './schema.ts'
import { common, stepStart, windowOf } from './steps.ts'

/** Meta of a transaction that shows a change of the text; the binding does not write it back. */
export const flatKey = new PluginKey('flat')
/** Origin of the transactions that write local edits; undo follows only these. */
export const LOCAL = 'local'

type Marker = Y.Map<unknown>
/** A block as the text has it. Only the first can be without a marker. */
interface Block { readonly marker: Marker | null; readonly node: PMNode; readonly cell: string | null }
/** A change of the flat text: at `at`, `del` places went and `ins` came. */
export interface Change { at: number; del: number; ins: number }
/** What the binding needs of an EditorView; tests give a plain object. */
export interface View { readonly state: EditorState; dispatch(tr: Transaction): void }

const size = (b: Block) => (b.marker ? 1 : 0) + b.node.content.size

/**
 * Binding keeps a ProseMirror document and the flat Y.Text "body" equal.
 * Every state of the text shows as one valid document, so nothing is ever
 * repaired; local steps become the smallest change of the text, and what the
 * view does not know (kinds, keys, attributes) is never written.
 */
export class Binding {
  view: View | null = null
  private blocks: Block[] = []
  private writing = false
  private aim: (Aim & Manner) | null = null // while an edit of one's own is on its way to the view
  private known: Prefix | null = null
  private readonly listeners = new Set<(changes: readonly Change[]) => void>()
  private readonly builtTables: Tables = new WeakMap()

  constructor(readonly text: Y.Text, readonly schema: Schema) { text.observeDeep(this.observe) }

  destroy() { this.text.unobserveDeep(this.observe); this.listeners.clear() }

  /** onChange tells what happened to the flat text: a peer's change before the view shows it, a local one after. */
  onChange(f: (changes: readonly Change[]) => void) { this.listeners.add(f); return () => { this.listeners.delete(f) } }

  /** load reads the whole text and returns the document to show. */
  load(): PMNode {
    const out: Block[] = []
    let marker: Marker | null = null
    let runs: Run[] = []
    let open = false
    const close = () => { if (open) out.push(this.block(marker, runs)) }
    for (const op of this.text.toDelta() as Delta) {
      if (op.insert instanceof Y.Map) { close(); marker = op.insert; runs = [] } else runs.push(this.run(op))
      open = true
    }
    close()
    this.blocks = out.length ? out : [this.block(null, [])]
    return this.document()
  }

  /** blockId names the block at index i: its marker's item id, "0:0" for an implicit first paragraph. */
  blockId(i: number): string {
    const item = this.blocks[i]?.marker?._item
    return item ? `${item.id.client}:${item.id.clock}` : '0:0'
  }

  /** indexOfBlock returns the index of the flat text where the block with that id begins; null when there is none. */
  indexOfBlock(id: string): number | null {
    let at = 0
    for (let i = 0; i < this.blocks.length; i++) {
      if (this.blockId(i) === id) return at + (this.blocks[i].marker ? 1 : 0)
      at += size(this.blocks[i])
    }
    return null
  }

  /** blockAt names the block around a position of the document. */
  blockAt(doc: PMNode, pos: number): string {
    const refs = refsOf(doc)
    const i = refs.findIndex(r => pos <= r.pos + r.node.nodeSize - 1)
    return this.blockId(i < 0 ? refs.length - 1 : i)
  }

  // ---- text → view

  private observe = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => { if (!this.writing) this.remote(events) }

  private remote(events: Y.YEvent<Y.AbstractType<unknown>>[]) {
    const st = this.view?.state
    // The caret goes with the flat index: ProseMirror would map it by the replaced range, and a peer's Enter
    // would then take it along into the next paragraph.
    let sel = st && st.selection instanceof TextSelection ? [this.flatIndex(st.doc, st.selection.anchor), this.flatIndex(st.doc, st.selection.head)] : null
    const dirty = new Set<unknown>()
    let changes: Change[] = []
    for (const e of events) {
      if ((e.target as unknown) !== this.text) { dirty.add(e.target); continue }
      const delta = deltaOf(e as Y.YEvent<Y.Text>)
      changes = changesOf(delta)
      sel = this.aim ? [this.aim.anchor, this.aim.head] : (sel?.map(i => moved(changes, i)) ?? null)
      this.applyDelta(delta)
    }
    if (dirty.size) this.blocks = this.blocks.map(b => (b.marker && dirty.has(b.marker) ? this.block(b.marker, runsOf(b.node)) : b))
    for (const f of this.listeners) f(changes)
    if (this.view) this.show(this.view, this.document(), sel)
  }

  private run(op: { insert?: unknown; attributes?: Attrs }): Run {
    const marks = marksOf(op.attributes, this.schema)
    if (typeof op.insert === 'string') return { text: op.insert, marks }
    const value = op.insert instanceof Y.AbstractType ? op.insert.toJSON() : op.insert
    return { text: null, foreign: this.schema.nodes.foreign.create({ value }), marks }
  }

  private block(marker: Marker | null, runs: readonly Run[]): Block {
    const attrs: Attrs = {}
    if (marker) for (const k of MARKER_KEYS) { const v = marker.get(k); if (v != null) attrs[k] = v instanceof Y.AbstractType ? v.toJSON() : v }
    const kids: PMNode[] = []
    let text = ''
    let marks: Run['marks'] = []
    const flush = () => { if (text) kids.push(this.schema.text(text, marks)); text = '' }
    for (const r of runs) {
      if (r.foreign) { flush(); kids.push(r.foreign.mark(r.marks)); continue }
      if (!r.text) continue
      if (text && !sameMarks(marks, r.marks)) flush()
      marks = r.marks
      text += r.text
    }
    flush()
    const cell = marker?.get('cell')
    return { marker, node: this.schema.nodes.block.create(attrs, kids), cell: parseCell(cell) ? (cell as string) : null }
  }

  private document(): PMNode { return assemble(this.blocks, this.schema, this.builtTables) }

  private applyDelta(delta: Delta) {
    const old = this.blocks
    const out: Block[] = []
    let bi = 0
    let off = 0 // inside old[bi]; its marker is place 0
    let whole: Block | null = null // an old block taken over as it is so far
    let cur: { marker: Marker | null; runs: Run[] } | null = null
    const close = () => { if (whole) out.push(whole); else if (cur) out.push(this.block(cur.marker, cur.runs)); whole = cur = null }
    const open = () => {
      if (whole) { cur = { marker: whole.marker, runs: runsOf(whole.node) }; whole = null }
      cur ??= { marker: null, runs: [] }
      return cur
    }
    const take = (n: number, keep: boolean, attrs?: Attrs) => {
      while (n > 0 && bi < old.length) {
        const b = old[bi]
        const sz = size(b)
        if (sz === 0) { bi++; off = 0; continue }
        if (off === 0 && keep && !attrs && n >= sz && b.marker) { close(); whole = b; n -= sz; bi++; continue }
        if (b.marker && off === 0) {
          if (keep) { close(); cur = { marker: b.marker, runs: [] } }
          n--
          off = 1
        } else {
          const k = Math.min(n, sz - off)
          const s = off - (b.marker ? 1 : 0)
          if (keep) for (const r of runsOf(b.node, s, s + k)) open().runs.push(attrs ? { ...r, marks: reformat(r.marks, attrs, this.schema) } : r)
          n -= k
          off += k
        }
        if (off === sz) { bi++; off = 0 }
      }
    }
    for (const op of delta) {
      if (op.retain != null) take(op.retain, true, op.attributes)
      else if (op.delete != null) take(op.delete, false)
      else if (op.insert instanceof Y.Map) { close(); cur = { marker: op.insert, runs: [] } }
      else open().runs.push(this.run(op))
    }
    if (bi < old.length && (off > 0 || ((whole || cur) && !old[bi].marker))) take(size(old[bi]) - off, true)
    close()
    for (; bi < old.length; bi++) if (size(old[bi])) out.push(old[bi])
    this.blocks = out.length ? out : [this.block(null, [])]
  }

  private show(view: View, doc: PMNode, sel: number[] | null) {
    const tr = view.state.tr
    patch(tr, view.state.doc, doc, 0)
    if (!tr.docChanged) return
    if (sel) {
      const [a, h] = sel.map(i => this.pmPos(tr.doc, i))
      if (tr.selection.anchor !== a || tr.selection.head !== h) tr.setSelection(TextSelection.between(tr.doc.resolve(a), tr.doc.resolve(h)))
    }
    // Ctrl+B before the next letter must survive a peer's edit; a changed document drops stored marks.
    tr.setStoredMarks(this.aim ? this.aim.stored : view.state.storedMarks)
    if (this.aim?.scroll) tr.scrollIntoView()
    view.dispatch(tr.setMeta(flatKey, true).setMeta('addToHistory', false))
  }

  // ---- view → text

  /** write puts local transactions into the text, one step at a time (a step is one contiguous replacement). */
  write(trs: readonly Transaction[]) {
    const local = trs.filter(t => t.docChanged && !t.getMeta(flatKey))
    if (!local.length) return
    const changes: Change[] = []
    this.writing = true
    try {
      this.text.doc!.transact(() => {
        for (const tr of local) for (let i = 0; i < tr.steps.length; i++) this.step(tr.docs[i], tr.docs[i + 1] ?? tr.doc, stepStart(tr, i), changes)
      }, LOCAL)
    } finally { this.writing = false }
    if (this.text.length !== this.blocks.reduce((n, b) => n + size(b), 0)) this.resync()
    for (const f of this.listeners) f(changes)
  }

  /**
   * propose writes transactions as tracked changes; the view gets them from the
   * text, as it gets the edits of others. gone are the places that the command
   * which made them did not see. It returns where the selection goes.
   */
  propose(trs: readonly Transaction[], author: Author, caret: Aim, gone: readonly Span[] = []): Aim | null {
    const manner = { scroll: trs.some(t => t.scrolledIntoView), stored: trs.at(-1)?.storedMarks ?? null }
    return this.own(() => new Proposal(this.text, this.blocks, author, gone).write(trs, caret), manner)
  }

  /** decide accepts or rejects the tracked changes that pick says yes to, as one edit. It tells whether there were any. */
  decide(pick: Pick, accept: boolean): boolean {
    let any = false
    this.own(() => { any = decide(this.text, this.blocks, pick, accept); return null })
    return any
  }

  /** An edit of one's own that comes to the view by way of the text. */
  private own(edit: () => Aim | null, manner: Manner = { scroll: false, stored: null }): Aim | null {
    let aim: Aim | null = null
    try { this.text.doc!.transact(() => { aim = edit(); this.aim = aim && { ...aim, ...manner } }, LOCAL) } finally { this.aim = null }
    return aim
  }

  /** resync shows the text as it is; the way out when the two ever differ, for the text is the truth. */
  private resync() {
    console.error('binding: the view differed from the text and was read again')
    const doc = this.load()
    const view = this.view
    if (view) queueMicrotask(() => { if (this.view === view) this.show(view, doc, null) })
  }

  private step(od: PMNode, nd: PMNode, start: number, changes: Change[]) {
    const w = windowOf(od, nd)
    if (!w) return
    const { first, olds, news } = w
    this.giveMarker(first, olds[0], changes)
    const B = this.blocks
    let base = 0
    for (let i = 0; i < first; i++) base += size(B[i])
    const ot = tokensOf(olds)
    const nt = tokensOf(news)
    const [p, s] = common(ot, nt, olds.length ? tokenAt(olds, start) : 0)
    const gone = ot.length - p - s
    const come = nt.length - p - s
    if (gone) this.text.delete(base + p, gone)
    const fresh = this.insert(nt, p, nt.length - s, base)
    if (gone || come) changes.push({ at: base + p, del: gone, ins: come })
    const kept = this.restyle(ot, nt, p, s, base, new Map(olds.map((r, i) => [r, B[first + i].marker])))
    B.splice(first, olds.length, ...news.map(r => ({ marker: kept.get(r) ?? fresh.get(r) ?? null, node: r.node, cell: r.cell })))
  }

  /** An implicit first paragraph gets its marker when somebody changes it or puts something before it. */
  private giveMarker(first: number, ref: Ref | undefined, changes: Change[]) {
    const b = this.blocks[0]
    if (first !== 0 || b.marker) return
    const marker: Marker = new Y.Map()
    this.text.insertEmbed(0, marker, {})
    fill(marker, markerAttrs(ref?.node ?? b.node, ref?.cell ?? null))
    this.blocks[0] = { ...b, marker }
    changes.push({ at: 0, del: 0, ins: 1 })
  }

  private insert(nt: readonly Token[], from: number, to: number, base: number): Map<Ref, Marker> {
    const fresh = new Map<Ref, Marker>()
    for (let i = from; i < to;) {
      const t = nt[i]
      if (t.ref) {
        const marker: Marker = new Y.Map()
        this.text.insertEmbed(base + i, marker, {})
        fill(marker, markerAttrs(t.ref.node, t.ref.cell))
        fresh.set(t.ref, marker)
        i++
      } else if (t.foreign) {
        this.text.insertEmbed(base + i, structuredClone(t.foreign.attrs.value) ?? {}, { ...t.at })
        i++
      } else {
        let j = i
        let s = ''
        while (j < to && !nt[j].ref && !nt[j].foreign && nt[j].key === t.key) s += nt[j++].char
        // Plain text behind plain text needs no attributes: Yjs then finds the place through its index instead of
        // walking from the start of the document. Behind bold text that way would lose the bold.
        const left = nt[i - 1]
        if (!t.key && left && !left.ref && !left.key) this.text.insert(base + i, s)
        else this.text.insert(base + i, s, { ...t.at })
        i = j
      }
    }
    return fresh
  }

  /** Kept tokens keep their identity; only their marks and marker keys are changed, and only where they differ. */
  private restyle(ot: readonly Token[], nt: readonly Token[], p: number, s: number, base: number, markers: Map<Ref, Marker | null>) {
    const kept = new Map<Ref, Marker>()
    let run: { at: number; len: number; change: Attrs; key: string } | null = null
    const flush = () => { if (run) this.text.format(run.at, run.len, run.change); run = null }
    const pair = (a: Token, b: Token, at: number) => {
      if (a.ref && b.ref) {
        flush()
        const marker = markers.get(a.ref)
        if (marker) { kept.set(b.ref, marker); update(marker, markerAttrs(a.ref.node, a.ref.cell), markerAttrs(b.ref.node, b.ref.cell)) }
      } else if (a.key !== b.key) {
        const change: Attrs = {}
        for (const k in b.at) if (!sameValue(a.at[k], b.at[k])) change[k] = b.at[k]
        for (const k in a.at) if (!(k in b.at)) change[k] = null
        const key = JSON.stringify(change)
        if (run && run.key === key && run.at + run.len === at) run.len++
        else { flush(); run = { at, len: 1, change, key } }
      } else flush()
    }
    for (let i = 0; i < p; i++) pair(ot[i], nt[i], base + i)
    flush()
    for (let i = s; i > 0; i--) pair(ot[ot.length - i], nt[nt.length - i], base + nt.length - i)
    flush()
    return kept
  }

  // ---- positions

  /** flatIndex turns a position of the document into an index of the flat text. */
  flatIndex(doc: PMNode, pos: number): number {
    const { flat, at } = this.prefix(doc)
    const i = Math.min(doc.childCount - 1, firstOver(at, pos) - 1)
    return Math.max(0, within(doc, i, at[i], flat[i], r => pos <= r.pos + r.node.nodeSize - 1, (r, f) => f + 1 + clamp(pos - r.pos - 1, r.node.content.size)))
  }

  /** pmPos turns an index of the flat text into a position of the document. */
  pmPos(doc: PMNode, index: number): number {
    const { flat, at } = this.prefix(doc)
    // The end of a child is the start of the next one's marker: it belongs to the former.
    const i = Math.max(0, Math.min(doc.childCount - 1, firstOver(flat, index - 1) - 1))
    return within(doc, i, at[i], flat[i], (r, f) => index <= f + 1 + r.node.content.size, (r, f) => r.pos + 1 + clamp(index - f - 1, r.node.content.size))
  }

  // Where each child of the document begins, in the flat text and in the document; kept for the newest document, for
  // two hundred comments ask for the same one.
  private prefix(doc: PMNode): Prefix {
    const start = this.blocks[0]?.marker ? 0 : -1
    const known = this.known
    if (known && known.doc === doc && known.flat[0] === start) return known
    const n = doc.childCount
    const flat = new Int32Array(n + 1)
    const at = new Int32Array(n + 1)
    flat[0] = start
    for (let i = 0; i < n; i++) {
      const c = doc.child(i)
      flat[i + 1] = flat[i] + flatSize(c)
      at[i + 1] = at[i] + c.nodeSize
    }
    this.known = { doc, flat, at }
    return this.known
  }

  /** relative makes a position that stays with its neighbour through everybody's edits. */
  relative(doc: PMNode, pos: number, assoc = 0) { return Y.createRelativePositionFromTypeIndex(this.text, this.flatIndex(doc, pos), assoc) }

  /** index resolves a relative position to an index of the flat text; null when it leads elsewhere or into what we have not got. */
  index(rp: Y.RelativePosition): number | null {
    const p = Y.createAbsolutePositionFromRelativePosition(rp, this.text.doc!)
    return p && p.type === this.text ? p.index : null
  }

  absolute(doc: PMNode, rp: Y.RelativePosition): number | null { const i = this.index(rp); return i == null ? null : this.pmPos(doc, i) }

  /** agrees tells whether doc shows exactly the text; for tests. */
  agrees(doc: PMNode): boolean {
    const refs = refsOf(doc)
    return refs.length === this.blocks.length && refs.every((r, i) => r.node.eq(this.blocks[i].node))
      && this.blocks.reduce((n, b) => n + size(b), 0) === this.text.length && new Binding(this.text, this.schema).loadOnce().eq(doc)
  }

  private loadOnce() { const doc = this.load(); this.destroy(); return doc }
}

interface Manner { scroll: boolean; stored: readonly Mark[] | null }
interface Prefix { doc: PMNode; flat: Int32Array; at: Int32Array }

/** firstOver returns the index of the first entry of a sorted list that is greater than n. */
function firstOver(list: Int32Array, n: number): number {
  let lo = 0
  let hi = list.length
  while (lo < hi) { const mid = (lo + hi) >> 1; if (list[mid] > n) hi = mid; else lo = mid + 1 }
  return lo
}

/** within finds the block of child i that `is` the one, or its last, and gives what `then` makes of it. */
function within(doc: PMNode, i: number, at: number, flat: number, is: (r: Ref, flat: number) => boolean, then: (r: Ref, flat: number) => number): number {
  const n = doc.child(i)
  if (!isTable(n)) return then({ node: n, pos: at, cell: null }, flat)
  const refs = refsOf(doc, i, i + 1, at)
  for (const r of refs) {
    if (is(r, flat) || r === refs[refs.length - 1]) return then(r, flat)
    flat += 1 + r.node.content.size
  }
  return at
}

const clamp = (n: number, max: number) => Math.max(0, Math.min(max, n))
const fill = (m: Marker, a: Attrs) => { for (const k in a) m.set(k, a[k]) }

function update(m: Marker, old: Attrs, now: Attrs) {
  for (const k of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (sameValue(old[k], now[k])) continue
    if (now[k] == null) m.delete(k)
    else m.set(k, now[k])
  }
}

export function changesOf(delta: Delta): Change[] {
  const out: Change[] = []
  let at = 0
  for (const d of delta) {
    if (d.retain != null) { at += d.retain; continue }
    let last = out.at(-1)
    if (!last || last.at + last.ins !== at) out.push(last = { at, del: 0, ins: 0 })
    if (d.delete != null) last.del += d.delete
    else { const n = typeof d.insert === 'string' ? d.insert.length : 1; last.ins += n; at += n }
  }
  return out
}

/** moved carries an index through changes, each given in the places of the text after those before it. With
 * assoc < 0 (the default) text that comes in exactly there stands behind the index. */
export function moved(changes: readonly Change[], index: number, assoc: -1 | 1 = -1): number {
  for (const c of changes) {
    if (index < c.at || (index === c.at && assoc < 0)) continue
    index = index >= c.at + c.del ? index + c.ins - c.del : c.at + (assoc > 0 ? c.ins : 0)
  }
  return index
}

// ---- plugin

/** flatPlugin connects the view, and gives fresh ids to table parts that a paste or a fit left without or twice. */
export function flatPlugin(binding: Binding): Plugin {
  return new Plugin({
    key: flatKey,
    view: view => { binding.view = view; return { destroy: () => { binding.view = null; binding.destroy() } } },
    appendTransaction: (trs, _old, state) => (trs.some(t => t.docChanged && !t.getMeta(flatKey)) ? tidyTables(state) : null),
  })
}

const tidy = new WeakSet<PMNode>()

/** tidyTables returns a transaction that makes ids unique where equal neighbours would be read as one; null if all are. */
export function tidyTables(state: EditorState): Transaction | null {
  let tr: Transaction | null = null
  const set = (pos: number) => { tr = (tr ?? state.tr).setNodeAttribute(pos, 'id', randomId()) }
  let before: PMNode | null = null
  state.doc.forEach((n, pos) => {
    if (isTable(n)) {
      if (!valid(n.attrs.id) || (before && isTable(before) && before.attrs.id === n.attrs.id)) set(pos)
      if (!tidy.has(n)) { const was = tr; tidyRows(n, pos, set); if (tr === was) tidy.add(n) }
    }
    before = n
  })
  return tr
}

const valid = (id: unknown) => typeof id === 'string' && id !== '' && !id.includes('|')

function tidyRows(table: PMNode, pos: number, set: (pos: number) => void) {
  const rows = new Set<unknown>()
  table.forEach((row, ro) => {
    const at = pos + 1 + ro
    if (!valid(row.attrs.id) || rows.has(row.attrs.id)) set(at)
    rows.add(row.attrs.id)
    const cols = new Set<unknown>()
    row.forEach((c, co) => {
      if (!valid(c.attrs.id) || cols.has(c.attrs.id)) set(at + 1 + co)
      cols.add(c.attrs.id)
    })
  })
}

// ---- undo

/** undoManager undoes only what this person did here, and puts the caret back where that was. */
export function undoManager(binding: Binding): Y.UndoManager {
  const um = new Y.UndoManager(binding.text, { trackedOrigins: new Set([LOCAL]), captureTimeout: 600 })
  um.on('stack-item-added', (e: { stackItem: { meta: Map<unknown, unknown> } }) => {
    const v = binding.view
    if (v) e.stackItem.meta.set('caret', binding.relative(v.state.doc, v.state.selection.from))
  })
  um.on('stack-item-popped', (e: { stackItem: { meta: Map<unknown, unknown> } }) => {
    const v = binding.view
    const rp = e.stackItem.meta.get('caret') as Y.RelativePosition | undefined
    const pos = v && rp ? binding.absolute(v.state.doc, rp) : null
    if (v && pos != null) v.dispatch(v.state.tr.setSelection(TextSelection.near(v.state.doc.resolve(Math.min(pos, v.state.doc.content.size)))).scrollIntoView())
  })
  return um
}
