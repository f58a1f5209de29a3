import type { Node as PMNode } from 'prosemirror-model'
import { type Attrs, refsOf, sameValue } from '../editor/flat.ts'

/** Who proposed a change (an account, or `file:` and a name), and when (Unix milliseconds). Pieces with the same `by` and `id` are one change. */
export interface Change { readonly id: string; readonly by: string; readonly at: number }
/** What a tracked change does to its piece of the text: brings it, takes it away, or changes its looks. */
export type How = 'ins' | 'del' | 'was'

/** changeOf reads a tracked change that came from anywhere; what cannot be read is a change all the same. */
export function changeOf(v: unknown): Change | null {
  if (v == null || v === false) return null
  const o = (typeof v === 'object' ? v : {}) as Attrs
  return { id: String(o.id ?? ''), by: String(o.by ?? ''), at: typeof o.at === 'number' ? o.at : 0 }
}

/** fileAuthor returns the author's name of a change that came from a file, as the file gives it; null for a change of an account,
 * for no account has a colon in its id. */
export const fileAuthor = (by: string): string | null => (by.startsWith('file:') ? by.slice(5) : null)

/** keyOf tells one change from all others. Changes without an id are told apart by their time. */
export const keyOf = (c: Change) => `${c.by}|${c.id || c.at}`

/** The keys of a marker that say how its paragraph looks. */
const STYLE = ['kind', 'level', 'align', 'start'] as const

/** styleOf picks the looks out of a marker's attributes; what is left out is as it is without being said. */
export function styleOf(attrs: Attrs): Attrs {
  const out: Attrs = {}
  for (const k of STYLE) { const v = attrs[k]; if (v != null && !(k === 'level' && v === 0) && !(k === 'kind' && v === 'p')) out[k] = v }
  return out
}

/** difference is what makes `now` of `old`, key by key; null takes a key away. */
export function difference(old: Attrs, now: Attrs): Attrs {
  const out: Attrs = {}
  for (const k in now) if (!sameValue(old[k], now[k])) out[k] = now[k]
  for (const k in old) if (!(k in now)) out[k] = null
  return out
}

/** A tracked piece of one paragraph, from its marker (place 0) on. `name` is the attribute that says so;
 * struck says of inserted text that what is around it is proposed to be deleted, idle that the piece only lies in the change of another. */
export interface Piece { readonly from: number; readonly to: number; readonly how: How; readonly name: string; readonly change: Change; readonly old: unknown; readonly text: string; readonly struck: boolean; readonly idle: boolean; readonly now?: Attrs }

const read = new WeakMap<PMNode, readonly Piece[]>()
const NONE: readonly Piece[] = []

/** piecesOf lists the tracked pieces of a block; remembered, for nodes never change. */
export function piecesOf(n: PMNode): readonly Piece[] {
  let out = read.get(n)
  if (out) return out
  const list: Piece[] = []
  for (const how of ['ins', 'del', 'was'] as const) {
    const change = changeOf(n.attrs[how])
    // A style that is again what it was is no change; what it was is kept, for somebody else may be changing it right now.
    if (change && !(how === 'was' && sameStyle(n.attrs, n.attrs.was))) list.push({ from: 0, to: 1, how, name: how, change, old: n.attrs.was, text: '\u00b6', struck: false, idle: false, now: n.attrs })
  }
  n.forEach((c, at) => {
    for (const m of c.marks) {
      const how = m.type.name
      if (how !== 'ins' && how !== 'del' && how !== 'was' ) continue
      list.push({ from: at + 1, to: at + 1 + c.nodeSize, how, name: how === 'was' ? `was.${m.attrs.look}` : (m.attrs.name ?? how), change: changeOf(m.attrs)!, old: m.attrs.old, text: c.text ?? '\u25a1', struck: how === 'ins' && c.marks.some(x => x.type.name === 'del' && x.attrs.idle), idle: m.attrs.idle === true })
    }
  })
  out = list.length ? list : NONE
  read.set(n, out)
  return out
}

const sameStyle = (attrs: Attrs, was: unknown) => sameValue(styleOf(attrs), styleOf((typeof was === 'object' && was ? was : {}) as Attrs))

/** isTracked reports whether a block has a tracked change in it. */
export const isTracked = (n: PMNode) => piecesOf(n).some(p => !p.idle)
/** hasTraces reports whether any of its text lies in a tracked change, or has. */
export const hasTraces = (n: PMNode) => piecesOf(n).length > 0

/** A part of an entry, in the order of the text. */
export interface Part { readonly how: How; readonly text: string; readonly from: number; readonly to: number; /** Of a change of style: before and after. */ readonly styles?: readonly [Attrs, Attrs] }

/** One tracked change as the list shows it, with the places in the flat text that it reaches from and to. */
export interface Entry extends Change { readonly key: string; readonly from: number; readonly to: number; readonly parts: readonly Part[] }

/** entriesOf lists the tracked changes of a document in the order of the text. Places count a marker in front of every block. */
export function entriesOf(doc: PMNode): Entry[] {
  const found = new Map<string, { change: Change; from: number; to: number; parts: Part[] }>()
  let at = 0
  for (const { node } of refsOf(doc)) {
    for (const p of piecesOf(node)) {
      if (p.idle) continue
      const key = keyOf(p.change)
      const [from, to] = [at + p.from, at + p.to]
      let e = found.get(key)
      if (!e) found.set(key, e = { change: p.change, from, to, parts: [] })
      const last = e.parts.at(-1)
      if (last && last.how === p.how && last.to === from && !last.styles && !(p.how === 'was' && p.now)) e.parts[e.parts.length - 1] = { how: p.how, text: last.text + p.text, from: last.from, to }
      else e.parts.push({ how: p.how, text: p.text, from, to, ...(p.how === 'was' && p.now ? { styles: [p.old as Attrs, p.now] as const } : {}) })
      e.from = Math.min(e.from, from)
      e.to = Math.max(e.to, to)
    }
    at += 1 + node.content.size
  }
  return [...found].map(([key, e]) => ({ ...e.change, key, from: e.from, to: e.to, parts: e.parts }))
}
