import type { Node as PMNode } from 'prosemirror-model'
import { assemble, flatSize, isTable, type Loose, type Ref, refsOf, type Tables } from '../editor/flat.ts'
import { isTracked } from './change.ts'

/** A row of places in the flat text, counted with a marker in front of every block. */
export interface Span { readonly from: number; readonly len: number }

/** What a text is once everything proposed to go is gone, and which places of the text those are. */
export interface Live { readonly doc: PMNode; readonly gone: readonly Span[] }

const NONE: readonly Span[] = []
const tables: Tables = new WeakMap()

/**
 * liveOf leaves out what is proposed to be deleted. Commands work on that text,
 * for they should do what they would do if the deletions had been made: Enter in
 * a paragraph that is proposed to be joined with a heading writes in the heading.
 */
export function liveOf(doc: PMNode): Live {
  let tracked = false
  doc.descendants(n => { if (n.isTextblock && isTracked(n)) tracked = true; return !tracked && !n.isTextblock })
  if (!tracked) return { doc, gone: NONE }
  const gone: { from: number; len: number }[] = []
  const drop = (from: number, len: number) => { const last = gone.at(-1); if (last && last.from + last.len === from) last.len += len; else gone.push({ from, len }) }
  const out: Loose[] = []
  let at = 0
  const refs = refsOf(doc)
  refs.forEach((r, i) => {
    const start = at
    at += 1 + r.node.content.size
    // The first paragraph of a text cannot go where nothing is left to take its place.
    const goes = r.node.attrs.del && (out.length > 0 || !mustStay(refs, i))
    if (goes) drop(start, 1)
    const left = liveContent(r, start + 1, drop)
    if (!goes) { out.push({ node: left, cell: r.cell }); return }
    const last = out.at(-1)
    if (last && left.content.size) out[out.length - 1] = { ...last, node: last.node.copy(last.node.content.append(left.content)) }
  })
  return gone.length ? { doc: assemble(out, doc.type.schema, tables), gone } : { doc, gone: NONE }
}

const isGone = (c: PMNode) => c.marks.some(m => m.type.name === 'del' && !m.attrs.idle)

function mustStay(refs: readonly Ref[], i: number): boolean {
  for (let k = i; k < refs.length; k++) {
    if (k > i && !refs[k].node.attrs.del) return false
    let text = false
    refs[k].node.forEach(c => { if (!isGone(c)) text = true })
    if (text) return true
  }
  return true
}

function liveContent(r: Ref, start: number, drop: (from: number, len: number) => void): PMNode {
  if (!isTracked(r.node)) return r.node
  const kids: PMNode[] = []
  let any = false
  r.node.forEach((c, at) => {
    if (isGone(c)) { any = true; drop(start + at, c.nodeSize) } else kids.push(c)
  })
  return any ? r.node.type.create(r.node.attrs, kids) : r.node
}

/** liveIndex turns a place of the text into one of its live text. */
export function liveIndex(gone: readonly Span[], at: number): number {
  let n = at
  for (const g of gone) { if (g.from >= at) break; n -= Math.min(g.len, at - g.from) }
  return n
}

/** flatOf turns a position of a document into a place of its flat text, counted with a marker in front of every block. */
export function flatOf(doc: PMNode, pos: number): number {
  let flat = 0
  let at = 0
  for (let i = 0; i < doc.childCount; i++) {
    const n = doc.child(i)
    if (pos < at + n.nodeSize || i === doc.childCount - 1) {
      if (!isTable(n)) return flat + 1 + clamp(pos - at - 1, n.content.size)
      const refs = refsOf(doc, i, i + 1, at)
      for (const [k, r] of refs.entries()) {
        if (pos <= r.pos + r.node.nodeSize - 1 || k === refs.length - 1) return flat + 1 + clamp(pos - r.pos - 1, r.node.content.size)
        flat += 1 + r.node.content.size
      }
    }
    flat += flatSize(n)
    at += n.nodeSize
  }
  return flat
}

/** posOf is the way back. */
export function posOf(doc: PMNode, index: number): number {
  let flat = 0
  let at = 0
  for (let i = 0; i < doc.childCount; i++) {
    const n = doc.child(i)
    const size = flatSize(n)
    if (index <= flat + size || i === doc.childCount - 1) {
      if (!isTable(n)) return at + 1 + clamp(index - flat - 1, n.content.size)
      const refs = refsOf(doc, i, i + 1, at)
      for (const [k, r] of refs.entries()) {
        if (index <= flat + 1 + r.node.content.size || k === refs.length - 1) return r.pos + 1 + clamp(index - flat - 1, r.node.content.size)
        flat += 1 + r.node.content.size
      }
    }
    flat += size
    at += n.nodeSize
  }
  return at
}

/** flatOfBlock is the place of the marker of block i. */
export function flatOfBlock(doc: PMNode, i: number): number {
  let flat = 0
  let left = i
  for (let k = 0; k < doc.childCount; k++) {
    const n = doc.child(k)
    if (!isTable(n)) { if (left-- === 0) return flat; flat += flatSize(n); continue }
    for (const r of refsOf(doc, k, k + 1)) { if (left-- === 0) return flat; flat += 1 + r.node.content.size }
  }
  return flat
}

const clamp = (n: number, max: number) => Math.max(0, Math.min(max, n))
