import { computed, signal } from '@preact/signals'
import type { EditorState } from 'prosemirror-state'
import * as Y from 'yjs'
import { type Binding, type Change, moved } from '../editor/binding.ts'
import { refsOf } from '../editor/flat.ts'
import { type Anchor, type Comment, parseComment } from './comment.ts'

/** Where a comment stands in the flat text; how says by what it was found. */
export interface Place { from: number; to: number; how: 'anchor' | 'quote' | 'block' }
/** 'open', 'mine', 'all', or 'unit:' and the name of a department whose comments to show. */
export type Filter = 'open' | 'mine' | 'all' | `unit:${string}`

const MIN_QUOTE = 8

/**
 * Comments keeps what the server says about comments and follows their places
 * through everybody's edits. Places are found by the anchor, else by a quote
 * that occurs exactly once, else by the block; never by a guess between two.
 */
export class Comments {
  readonly list = signal<readonly Comment[]>([])
  readonly places = signal<ReadonlyMap<string, Place>>(new Map())
  readonly active = signal<string | null>(null)
  readonly filter = signal<Filter>('open')
  readonly major = signal(false)
  /** Shown comments in the order of the text; those on the whole document first, orphans last. */
  readonly shown = computed(() => {
    const places = this.places.value
    const at = (c: Comment) => (c.anchor || c.quote ? (places.get(c.id)?.from ?? Number.POSITIVE_INFINITY) : -1)
    return this.list.value.filter(c => this.passes(c)).sort((a, b) => at(a) - at(b) || a.number - b.number)
  })
  /** The departments that commented. */
  readonly units = computed(() => [...new Set(this.list.value.map(c => c.author.unit).filter(u => u))].sort((a, b) => a.localeCompare(b, 'cs')))
  readonly open = computed(() => this.list.value.filter(c => c.state === 'open').length)

  private live = new Map<string, Place>()
  private draft: Place | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly stop: () => void

  constructor(readonly binding: Binding, private readonly me: string, private readonly redraw: () => void) {
    this.stop = binding.onChange(changes => this.follow(changes))
  }

  destroy() { this.stop(); clearTimeout(this.timer) }

  private passes(c: Comment): boolean {
    if (this.major.value && c.kind !== 'major') return false
    const f = this.filter.value
    if (f === 'all') return true
    if (f.startsWith('unit:')) return c.author.unit === f.slice(5)
    return f === 'mine' ? c.mine : c.state === 'open' || c.id === this.active.value
  }

  /** load takes over the whole list as the server gives it. */
  load(raw: readonly unknown[]) {
    this.list.value = raw.map(c => parseComment(c, this.me)).filter(c => c !== null)
    this.locate()
  }

  /** put takes over one comment as an event brings it. */
  put(raw: unknown): Comment | null {
    const c = parseComment(raw, this.me)
    if (!c) return null
    const list = this.list.value
    this.list.value = list.some(x => x.id === c.id) ? list.map(x => (x.id === c.id ? c : x)) : [...list, c]
    this.locate()
    return c
  }

  /** place returns where a comment stands right now. */
  place(id: string): Place | undefined { return this.live.get(id) }

  /** marks are the places to highlight: of open comments, and of the active one. */
  marks(): { comment: Comment; place: Place }[] {
    const out: { comment: Comment; place: Place }[] = []
    for (const comment of this.list.value) {
      const place = this.live.get(comment.id)
      if (place && place.how !== 'block' && place.to > place.from && (comment.state === 'open' || comment.id === this.active.value)) out.push({ comment, place })
    }
    return out
  }

  /** locate finds every comment anew. */
  locate() {
    clearTimeout(this.timer)
    this.timer = undefined
    const next = new Map<string, Place>()
    for (const c of this.list.value) { const p = this.find(c); if (p) next.set(c.id, p) }
    this.live = next
    this.places.value = next
    this.redraw()
  }

  /** sketch shows which passage a comment is being written to; null ends it. */
  sketch(range: { from: number; to: number } | null) {
    this.draft = range && { ...range, how: 'anchor' }
    this.redraw()
  }

  /** drafted is the passage of the comment being written. */
  drafted(): Place | null { return this.draft }

  private follow(changes: readonly Change[]) {
    const carry = (p: Place) => ({ ...p, from: moved(changes, p.from, 1), to: moved(changes, p.to, -1) })
    this.draft &&= carry(this.draft)
    if (!this.live.size) return
    const next = new Map<string, Place>()
    for (const [id, p] of this.live) next.set(id, carry(p))
    this.live = next
    // The exact places, and the cards beside them, can wait for a pause.
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.locate(), 300)
  }

  private find(c: Comment): Place | null {
    if (c.anchor) {
      const from = this.indexOf(c.anchor.start)
      const to = this.indexOf(c.anchor.end)
      if (from != null && to != null && from < to) return { from, to, how: 'anchor' }
    }
    const state = this.binding.view?.state
    if (!state || c.applied) return null
    const q = c.quote.length >= MIN_QUOTE ? onlyMatch(state, this.binding, c.quote) : null
    if (q != null) return { from: q, to: q + c.quote.length, how: 'quote' }
    const b = c.block && c.quote ? this.binding.indexOfBlock(c.block) : null
    return b == null ? null : { from: b, to: b, how: 'block' }
  }

  private indexOf(b64: string): number | null {
    try { return this.binding.index(Y.decodeRelativePosition(Uint8Array.from(atob(b64), c => c.charCodeAt(0)))) } catch { return null }
  }

  /** anchorOf makes the anchor of a selection; null when nothing is selected. */
  anchorOf(state: EditorState): { anchor: Anchor; block: string; quote: string; range: { from: number; to: number } } | null {
    const { from, to } = state.selection
    const quote = state.doc.textBetween(from, to, '\n')
    if (!quote.trim()) return null
    const b64 = (pos: number, assoc: number) => btoa(String.fromCharCode(...Y.encodeRelativePosition(this.binding.relative(state.doc, pos, assoc))))
    return { anchor: { start: b64(from, 0), end: b64(to, -1) }, block: this.binding.blockAt(state.doc, from), quote, range: { from: this.binding.flatIndex(state.doc, from), to: this.binding.flatIndex(state.doc, to) } }
  }

  /** neighbour is the comment before or behind the active one in the order shown. */
  neighbour(by: 1 | -1): Comment | null {
    const s = this.shown.value
    if (!s.length) return null
    const i = s.findIndex(c => c.id === this.active.value)
    return s[i < 0 ? (by > 0 ? 0 : s.length - 1) : (i + by + s.length) % s.length]
  }
}

/** The only place where the text holds the quote, as an index of the flat text; null for none or several. */
function onlyMatch(state: EditorState, binding: Binding, quote: string): number | null {
  let hit: number | null = null
  for (const r of refsOf(state.doc)) {
    const text = r.node.textBetween(0, r.node.content.size, '', '\ufffc')
    const i = text.indexOf(quote)
    if (i < 0) continue
    if (hit != null || text.indexOf(quote, i + 1) >= 0) return null
    hit = binding.flatIndex(state.doc, r.pos + 1 + i)
  }
  return hit
}
