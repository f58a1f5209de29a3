import type { Node as PMNode } from 'prosemirror-model'
import { type EditorState, type Selection, TextSelection, type Transaction } from 'prosemirror-state'
import { ReplaceStep } from 'prosemirror-transform'
import * as Y from 'yjs'
import { type Attrs, attrsOf as attrsOfMarks, insertionOf, isDel, isIns, looksOf, markerAttrs, marksOf, sameToken, sameValue, strikes, type Token, tokenAt, tokensOf } from '../editor/flat.ts'
import { common, stepStart, windowOf } from '../editor/steps.ts'
import { type Change, changeOf, difference, styleOf } from './change.ts'
import { flatOf, flatOfBlock, type Span } from './live.ts'

/** Who proposes; id makes the name of a new change. Who writes directly proposes nothing, but may do so inside what others propose. */
export interface Author { readonly by: string; readonly now: number; readonly id: () => string; readonly direct?: boolean }
/** Where the selection goes, in places of the flat text. */
export interface Aim { readonly anchor: number; readonly head: number }

type Marker = Y.Map<unknown>

/** What is typed on within that time beside a change of one's own belongs to it. */
const RUN = 10 * 60_000

/**
 * A piece of the text while a proposal is written into it: v places long in the
 * text that the command saw and r long in the shared text. What is proposed to
 * go is in the latter only.
 */
interface Piece {
  readonly v: number
  readonly r: number
  readonly orig: number // its first place before the proposal; -1 for what the proposal brings
  readonly marker: Marker | null // of a paragraph that the proposal brings
  readonly change: Change | null // what the proposal made of it
}

/**
 * Proposal writes transactions into the flat text as tracked changes. Nothing
 * that others see as the text goes away and nothing is put there without a
 * mark, so rejecting all gives back what was there before.
 */
export class Proposal {
  private pieces: Piece[] = []
  private readonly starts: number[] = []
  private readonly markers: Marker[] = []
  private shared: Change | null = null
  private restyled: Change | null = null
  private came = false
  private went: { from: number; to: number } | null = null

  /** The proposal sees the text without the places in `gone`. Call all of it inside one transaction of the text. */
  constructor(readonly text: Y.Text, blocks: readonly { marker: Marker | null; node: PMNode; cell: string | null }[], readonly author: Author, gone: readonly Span[] = []) {
    let at = 0
    for (const b of blocks) {
      let marker = b.marker
      if (!marker) {
        // Text before the first marker gets one; that changes nothing of what is read.
        marker = new Y.Map()
        text.insertEmbed(0, marker, {})
        const attrs = markerAttrs(b.node, b.cell)
        for (const k in attrs) marker.set(k, attrs[k])
      }
      this.starts.push(at)
      this.markers.push(marker)
      at += 1 + b.node.content.size
    }
    let from = 0
    const old = (to: number, ghost: boolean) => { if (to > from) this.pieces.push({ v: ghost ? 0 : to - from, r: to - from, orig: from, marker: null, change: null }); from = to }
    for (const g of gone) { old(g.from, false); old(g.from + g.len, true) }
    old(at, false)
  }

  /** write puts transactions into the text, the second and further ones only giving names to new cells; caret is the selection before, in
   * places of the text. It returns where the selection goes, null when nothing was written or taken away. */
  write(trs: readonly Transaction[], caret: Aim): Aim | null {
    const prefer = Math.max(caret.anchor, caret.head)
    for (const [n, tr] of trs.entries()) for (let i = 0; i < tr.steps.length; i++) this.step(tr.docs[i], tr.docs[i + 1] ?? tr.doc, stepStart(tr, i), prefer, n > 0)
    const last = trs.at(-1)
    if (!last || (!this.came && !this.went)) return null
    return this.aim(last.doc, last.selection, caret)
  }

  private step(od: PMNode, nd: PMNode, start: number, prefer: number, names: boolean) {
    const w = windowOf(od, nd)
    if (!w) return
    const base = flatOfBlock(od, w.first)
    const ot = tokensOf(w.olds)
    const nt = tokensOf(w.news)
    const [p, s] = common(ot, nt, w.olds.length ? tokenAt(w.olds, start) : 0, names ? sameToken : alike)
    for (let i = 0; i < p; i++) i = this.restyle(ot, nt, i, i, p, base)
    for (let i = ot.length - s; i < ot.length; i++) i = this.restyle(ot, nt, i, i + nt.length - ot.length, ot.length, base)
    const gone = ot.slice(p, ot.length - s)
    const come = nt.slice(p, nt.length - s)
    if (!gone.length && !come.length) return
    const change = this.changeFor(base + p, gone, come, ot[p - 1], ot[ot.length - s])
    if (gone.length) this.remove(base + p, gone, change)
    if (come.length) this.insert(base + p, come, change, gone.length ? null : prefer)
  }

  // ---- whose change it is

  private fresh(): Change { return freshBy(this.author) }

  /** Typing on beside a change of one's own goes on with it; so do steps of one command. */
  private changeFor(v: number, gone: readonly Token[], come: readonly Token[], left: Token | undefined, right: Token | undefined): Change {
    const i = this.cut(v).i
    for (let k = i - 1; k >= 0 && k >= i - 2; k--) { const c = this.pieces[k].change; if (c) return c; if (this.pieces[k].v) break }
    for (let k = i; k < this.pieces.length && k <= i + 1; k++) { const c = this.pieces[k].change; if (c) return c; if (this.pieces[k].v) break }
    const c = goesOn(changesOf(left), changesOf(right), this.author)
    if (c) return c
    // Cells of one row or column come and go together.
    if ([...gone, ...come].some(t => t.ref?.cell)) return (this.shared ??= this.fresh())
    return this.fresh()
  }

  private mine(attrs: Attrs) {
    const c = changeOf('kind' in attrs ? attrs.ins : attrs[insertionOf(attrs) ?? ''])
    return !!c && c.by === this.author.by
  }

  // ---- the text

  private remove(v: number, tokens: readonly Token[], change: Change) {
    const to = this.cut(v + tokens.length)
    const from = this.cut(v, true)
    const end = to.i + (this.pieces.length - to.count)
    let { real } = from
    let k = 0
    const left: Piece[] = []
    for (let i = from.i; i < end; i++) {
      const p = this.pieces[i]
      if (!p.v) { left.push(p); real += p.r; continue }
      for (let n = 0; n < p.v;) {
        const t = tokens[k]
        const fate = this.fate(p, t)
        let m = 1
        while (!t.ref && n + m < p.v && !tokens[k + m].ref && this.fate(p, tokens[k + m]) === fate && insertionOf(t.at) === insertionOf(tokens[k + m].at)) m++
        if (fate === 'gone') this.text.delete(real, m)
        else {
          if (fate === 'mark') { if (t.ref) this.markerAt(p, n).set('del', change); else this.text.format(real, m, strike(change, insertionOf(t.at))) }
          left.push({ v: 0, r: m, orig: p.orig + n, marker: null, change: fate === 'mark' ? change : null })
          real += m
        }
        n += m
        k += m
      }
    }
    this.went ??= { from: from.real, to: real }
    this.pieces.splice(from.i, end - from.i, ...left)
  }

  /** One's own proposal is taken back; what is proposed to go already stays so; everything else is marked. */
  private fate(p: Piece, t: Token): 'gone' | 'keep' | 'mark' {
    const attrs = attrsOf(t)
    if (this.author.direct || p.orig < 0 || this.mine(attrs)) return 'gone'
    return (t.ref ? attrs.del : isStruck(attrs)) ? 'keep' : 'mark'
  }

  private insert(v: number, tokens: readonly Token[], change: Change, prefer: number | null) {
    const at = this.cut(v, prefer === null, prefer ?? undefined)
    let { real } = at
    const lies = around(this.text, real)
    change = newerThan(lies, change, this.author)
    const own: Attrs = !this.author.direct ? { [`ins:${change.id}`]: change } : Object.keys(lies).length ? { [`ins:${change.id}`]: { ...change, plain: true } } : {}
    const mark = { ...lies, ...own }
    const fresh: Piece[] = []
    for (let i = 0; i < tokens.length;) {
      const t = tokens[i]
      let marker: Marker | null = null
      let n = 1
      if (t.ref) {
        marker = new Y.Map()
        this.text.insertEmbed(real, marker, lies)
        const attrs = { ...markerAttrs(t.ref.node, t.ref.cell), ...BARE, ins: this.author.direct ? null : change }
        for (const [k, x] of Object.entries(attrs)) if (x != null) marker.set(k, x)
      } else if (t.foreign) this.text.insertEmbed(real, structuredClone(t.foreign.attrs.value) ?? {}, { ...looksOf(t.at), ...mark })
      else {
        while (i + n < tokens.length && !tokens[i + n].ref && !tokens[i + n].foreign && tokens[i + n].key === t.key) n++
        this.text.insert(real, tokens.slice(i, i + n).map(x => x.char).join(''), { ...looksOf(t.at), ...mark })
      }
      fresh.push({ v: n, r: n, orig: -1, marker, change })
      real += n
      i += n
    }
    this.pieces.splice(at.i, 0, ...fresh)
    this.came = true
  }

  // ---- looks

  /** restyle looks at kept places from i on (j in the new text) and returns the last one that it has dealt with. */
  private restyle(ot: readonly Token[], nt: readonly Token[], i: number, j: number, end: number, base: number): number {
    const a = ot[i]
    const b = nt[j]
    if (a.ref && b.ref) {
      const { cell } = b.ref
      if (a.ref.cell !== cell) this.each(base + i, 1, p => { if (p.orig < 0 && cell) p.marker!.set('cell', cell) })
      this.restyleMarker(base + i, a.ref.node.attrs, b.ref.node.attrs)
      return i
    }
    if (a.key === b.key) return i
    let n = 1
    while (i + n < end && !ot[i + n].ref && ot[i + n].key === a.key && nt[j + n].key === b.key) n++
    const change = difference(looksOf(a.at), looksOf(b.at))
    if (Object.keys(change).length) this.each(base + i, n, (p, real, len) => this.text.format(real, len, this.author.direct || p.orig < 0 || this.mine(a.at) ? change : { ...change, ...this.wasLooks(a.at, change) }))
    return i + n - 1
  }

  private restyleMarker(v: number, old: Attrs, now: Attrs) {
    const change = difference(styleOf(old), styleOf(now))
    if (!Object.keys(change).length) return
    this.each(v, 1, p => {
      const marker = this.markerAt(p, 0)
      const own = this.author.direct || p.orig < 0 || this.mine(old)
      const all: Attrs = own ? change : { ...change, was: { ...(this.restyled ??= this.fresh()), ...styleOf((old.was as Attrs) ?? old) } }
      for (const k in all) {
        if (all[k] != null) marker.set(k, all[k])
        else if (k === 'kind') marker.set(k, 'p')
        else marker.delete(k)
      }
    })
  }

  /** What to remember of how text looked before anybody proposed to change it; nothing of a look that is again what it was. */
  private wasLooks(at: Attrs, change: Attrs): Attrs {
    const out: Attrs = {}
    for (const look in change) {
      const before = at[`was.${look}`] as Attrs | undefined
      const old = before ? (before.old ?? null) : (at[look] ?? null)
      out[`was.${look}`] = sameValue(old, change[look]) ? null : { ...(this.restyled ??= this.fresh()), ...(old == null ? {} : { old }) }
    }
    return out
  }

  // ---- places

  private markerAt(p: Piece, off: number): Marker {
    if (p.marker) return p.marker
    const at = p.orig + off
    let lo = 0
    let hi = this.starts.length
    while (lo < hi) { const mid = (lo + hi) >> 1; if (this.starts[mid] > at) hi = mid; else lo = mid + 1 }
    return this.markers[lo - 1]
  }

  private each(v: number, len: number, f: (p: Piece, real: number, len: number) => void) {
    const to = this.cut(v + len)
    const from = this.cut(v, true)
    const end = to.i + (this.pieces.length - to.count)
    let { real } = from
    for (let i = from.i; i < end; i++) { const p = this.pieces[i]; if (p.v) f(p, real, p.r); real += p.r }
  }

  /**
   * cut makes a piece begin at place v of the seen text and says which, and where
   * that is in the shared text. What is proposed to go there stands behind it, or
   * with behind before it; prefer is a place among that to cut at.
   */
  private cut(v: number, behind = false, prefer = -1): { i: number; real: number; count: number } {
    let real = 0
    let i = 0
    while (v > 0 && i < this.pieces.length) {
      const p = this.pieces[i]
      if (p.v > v) this.split(i, v)
      v -= this.pieces[i].v
      real += this.pieces[i].r
      i++
    }
    while (i < this.pieces.length && !this.pieces[i].v && (behind || real < prefer)) {
      const p = this.pieces[i]
      if (!behind && real + p.r > prefer) this.split(i, prefer - real)
      real += this.pieces[i].r
      i++
    }
    return { i, real, count: this.pieces.length }
  }

  private split(i: number, n: number) {
    const p = this.pieces[i]
    const cut = (v: number, r: number, off: number): Piece => ({ ...p, v: p.v ? v : 0, r, orig: p.orig < 0 ? -1 : p.orig + off })
    this.pieces.splice(i, 1, cut(n, n, 0), cut(p.v - n, p.r - n, n))
  }

  // ---- the selection afterwards

  private aim(doc: PMNode, sel: Selection, caret: Aim): Aim {
    // Delete goes on behind what it has struck out; Backspace, and whatever writes, stays in front.
    const forward = !this.came && caret.anchor === caret.head && !!this.went && this.went.from >= caret.head
    const at = (pos: number, behind: boolean) => this.cut(flatOf(doc, pos), behind).real
    if (sel.empty) { const head = at(sel.head, forward); return { anchor: head, head } }
    const [from, to] = [at(sel.from, true), at(sel.to, false)]
    return sel.anchor <= sel.head ? { anchor: from, head: to } : { anchor: to, head: from }
  }
}

const BARE: Attrs = { ins: null, del: null, was: null }
const isStruck = (at: Attrs) => { const insertion = insertionOf(at); return Object.keys(at).some(k => isDel(k) && strikes(at[k], insertion)) }

function strike(c: Change, insertion: string | null): Attrs {
  return insertion && insertion !== 'ins' ? { [`del:${c.id}~${insertion.slice(4)}`]: { ...c, over: insertion } } : { [`del:${c.id}`]: c }
}

/** The changes that a place counts for. */
function changesOf(t: Token | undefined): Change[] {
  const attrs = t && attrsOf(t)
  if (!attrs) return []
  const names = t.ref ? ['ins', 'del'] : [insertionOf(attrs) ?? '', ...Object.keys(attrs).filter(isDel)]
  return names.map(k => changeOf(attrs[k])).filter(c => c !== null)
}

const freshBy = (a: Author): Change => ({ id: a.id(), by: a.by, at: a.now })

/** The change of one's own that typing between two places goes on with. */
function goesOn(l: readonly Change[], r: readonly Change[], author: Author): Change | null {
  for (const c of [...l, ...r]) if (c.id && c.by === author.by && (Math.abs(author.now - c.at) < RUN || (l.some(x => x.id === c.id) && r.some(x => x.id === c.id)))) return c
  return null
}

/** What comes into an insertion must be newer than that, for the newest counts. */
function newerThan(lies: Attrs, change: Change, author: Author): Change {
  const newest = Math.max(-1, ...Object.keys(lies).map(k => (isIns(k) && k !== `ins:${change.id}` ? (changeOf(lies[k])?.at ?? 0) : -1)))
  return newest >= change.at ? { ...freshBy(author), at: Math.max(author.now, newest + 1) } : change
}

/**
 * typed makes of plain typing a transaction that the binding can write as it
 * writes direct edits; null for everything else. It does what Proposal does, and
 * spares the way through the text, which at a hundred pages is felt.
 */
export function typed(state: EditorState, tr: Transaction, author: Author): Transaction | null {
  const step = tr.steps.length === 1 && !author.direct ? tr.steps[0] : null
  if (!(step instanceof ReplaceStep) || step.from !== step.to || step.slice.openStart || step.slice.openEnd || step.slice.content.childCount !== 1) return null
  const text = step.slice.content.firstChild!
  const $at = state.doc.resolve(step.from)
  const [left, right] = [$at.nodeBefore, $at.nodeAfter]
  // At the edges of a paragraph what goes on over its mark is known in the text only.
  if (!text.isText || !$at.parent.isTextblock || !left?.isText) return null
  const [l, r] = [attrsOfMarks(left.marks), right ? attrsOfMarks(right.marks) : {}]
  const tracked = Object.keys(l).filter(k => isIns(k) || isDel(k))
  const lies = Object.fromEntries(tracked.filter(k => right && sameValue(l[k], r[k])).map(k => [k, l[k]]))
  const changes = (at: Attrs) => [insertionOf(at) ?? '', ...Object.keys(at).filter(isDel)].map(k => changeOf(at[k])).filter(c => c !== null)
  const change = newerThan(lies, goesOn(changes(l), changes(r), author) ?? freshBy(author), author)
  const name = `ins:${change.id}`
  if (!right && tracked.some(k => k !== name)) return null
  const out = state.tr.insert(step.from, state.schema.text(text.text!, marksOf({ ...looksOf(attrsOfMarks(text.marks)), ...lies, [name]: change }, state.schema)))
  out.setSelection(TextSelection.create(out.doc, step.from + text.nodeSize)).setMeta(TYPED, true)
  return tr.scrolledIntoView ? out.scrollIntoView() : out
}

/** Meta of a transaction that is a proposal already. */
export const TYPED = 'typed'

/** around lists the insertions and deletions that go on over a place of the text. What comes there lies in them too. */
function around(text: Y.Text, index: number): Attrs {
  const now = new Map<string, unknown>()
  let left: Map<string, unknown> | null = null
  let at = 0
  for (let i = text._start; i; i = i.right) {
    if (i.deleted) continue
    if (i.content instanceof Y.ContentFormat) {
      const { key, value } = i.content
      if (isIns(key) || isDel(key)) { if (value == null) now.delete(key); else now.set(key, value) }
    } else if (i.countable) {
      if (at >= index) return left ? Object.fromEntries([...left].filter(([k, v]) => now.has(k) && sameValue(now.get(k), v))) : {}
      at += i.length
      if (at > index) return Object.fromEntries(now)
      if (at === index) left = new Map(now)
    }
  }
  return {}
}

const attrsOf = (t: Token): Attrs => (t.ref ? t.ref.node.attrs : t.at)
/** A paragraph is not another one in a different cell: that would move its marker. */
const alike = (a: Token, b: Token) => sameToken(a, b) && (!a.ref || a.ref.cell === b.ref!.cell)
