import type { Mark, Node as PMNode, Schema } from 'prosemirror-model'
import { MARKER_KEYS } from './schema.ts'

/** A block of the view: its node, where it stands, and the table cell it belongs to. */
export interface Ref { readonly node: PMNode; readonly pos: number; readonly cell: string | null }
export type Attrs = Record<string, unknown>
export interface Run { text: string | null; foreign?: PMNode; marks: readonly Mark[] }
export interface Cell { table: string; row: string; col: string; head: boolean }

/** parseCell reads "table|row|col" or "table|row|col|h"; anything else belongs to no table. */
export function parseCell(v: unknown): Cell | null {
  if (typeof v !== 'string') return null
  const p = v.split('|')
  if (p.length < 3 || p.length > 4 || !p[0] || !p[1] || !p[2] || (p.length === 4 && p[3] !== 'h')) return null
  return { table: p[0], row: p[1], col: p[2], head: p.length === 4 }
}

interface TableRefs { refs: Ref[]; size: number }
const tables = new WeakMap<PMNode, TableRefs>()

/** The blocks of one table, positions counted from the table's own; remembered per node, for nodes never change. */
function ofTable(table: PMNode): TableRefs {
  let t = tables.get(table)
  if (t) return t
  t = { refs: [], size: 0 }
  const { refs } = t
  let size = 0
  table.forEach((row, ro) => row.forEach((c, co) => {
    const cell = `${table.attrs.id}|${row.attrs.id}|${c.attrs.id}${c.type.name === 'head' ? '|h' : ''}`
    c.forEach((node, bo) => { refs.push({ node, pos: 1 + ro + 1 + co + 1 + bo, cell }); size += 1 + node.content.size })
  }))
  t.size = size
  tables.set(table, t)
  return t
}

export const isTable = (n: PMNode) => n.type.name === 'table'
/** Number of blocks of a child of the document. */
export const blockCount = (n: PMNode) => (isTable(n) ? ofTable(n).refs.length : 1)
/** Length of a child of the document in the flat text, every block counted with its marker. */
export const flatSize = (n: PMNode) => (isTable(n) ? ofTable(n).size : 1 + n.content.size)

/** refsOf lists the blocks of the children from..to of the document, of which the first starts at pos. */
export function refsOf(doc: PMNode, from = 0, to = doc.childCount, pos = 0): Ref[] {
  const out: Ref[] = []
  for (let i = from; i < to; i++) {
    const n = doc.child(i)
    if (isTable(n)) for (const r of ofTable(n).refs) out.push({ node: r.node, pos: pos + r.pos, cell: r.cell })
    else out.push({ node: n, pos, cell: null })
    pos += n.nodeSize
  }
  return out
}

/** One place of the flat text: a marker, or one UTF-16 unit with its marks, or a foreign embed. */
export interface Token { ref: Ref | null; char: string; at: Attrs; key: string; foreign: PMNode | null }

export function attrsOf(marks: readonly Mark[]): Attrs {
  const o: Attrs = {}
  for (const m of marks) o[m.type.name] = Object.keys(m.attrs).length ? m.attrs : true
  return o
}

export function tokensOf(refs: readonly Ref[]): Token[] {
  const out: Token[] = []
  for (const ref of refs) {
    out.push({ ref, char: '', at: {}, key: '', foreign: null })
    ref.node.forEach(child => {
      const at = attrsOf(child.marks)
      const key = child.marks.length ? JSON.stringify(at) : ''
      if (!child.isText) out.push({ ref: null, char: '\ufffc', at, key, foreign: child })
      else { const s = child.text ?? ''; for (let i = 0; i < s.length; i++) out.push({ ref: null, char: s[i], at, key, foreign: null }) }
    })
  }
  return out
}

/** Whether a token may stand for another: the text is the same; marks and marker keys can be changed in place. */
export function sameToken(a: Token, b: Token): boolean {
  if (a.ref || b.ref) return !!a.ref && !!b.ref
  if (a.foreign || b.foreign) return !!a.foreign && !!b.foreign && a.foreign.eq(b.foreign)
  return a.char === b.char
}

/** Number of tokens of the blocks that lie before document position pos. */
export function tokenAt(refs: readonly Ref[], pos: number): number {
  let t = 0
  for (const b of refs) {
    if (pos <= b.pos) return t
    if (pos <= b.pos + b.node.nodeSize - 1) return t + 1 + (pos - b.pos - 1)
    t += 1 + b.node.content.size
  }
  return t
}

export function markerAttrs(n: PMNode, cell: string | null): Attrs {
  const a: Attrs = {}
  for (const k of MARKER_KEYS) { const v = n.attrs[k]; if (v != null && !(k === 'level' && v === 0)) a[k] = v }
  if (cell) a.cell = cell
  return a
}

export const sameValue = (a: unknown, b: unknown) => a === b || JSON.stringify(a) === JSON.stringify(b)

/** marksOf turns text attributes into marks. An unknown or malformed one shows nothing; it stays in the text. */
export function marksOf(attrs: Attrs | undefined, schema: Schema): readonly Mark[] {
  let out: readonly Mark[] = []
  for (const k in attrs) {
    const mark = markOf(k, attrs[k], schema)
    if (mark) out = mark.addToSet(out)
  }
  return out
}

function markOf(k: string, v: unknown, schema: Schema): Mark | null {
  const type = Object.hasOwn(schema.marks, k) ? schema.marks[k] : undefined
  if (!type || v == null || v === false) return null
  if (k === 'strong' || k === 'em' || k === 'code') return type.create()
  if (typeof v !== 'object') return null
  const o = v as Attrs
  if (k === 'link') return typeof o.href === 'string' ? type.create({ href: o.href }) : null
  return type.create({ id: o.id ?? null, by: o.by ?? null, at: o.at ?? null })
}

/** Marks after a formatting of the text: null takes one away, a value sets it, unknown names change nothing. */
export function reformat(marks: readonly Mark[], attrs: Attrs, schema: Schema): readonly Mark[] {
  let out = marks
  for (const k in attrs) {
    if (!Object.hasOwn(schema.marks, k)) continue
    out = schema.marks[k].removeFromSet(out)
    const mark = markOf(k, attrs[k], schema)
    if (mark) out = mark.addToSet(out)
  }
  return out
}

export const sameMarks = (a: readonly Mark[], b: readonly Mark[]) => a.length === b.length && a.every((m, i) => m.eq(b[i]))

export function runsOf(n: PMNode, from = 0, to = n.content.size): Run[] {
  const out: Run[] = []
  const part = from === 0 && to === n.content.size ? n.content : n.content.cut(from, to)
  part.forEach(c => out.push(c.isText ? { text: c.text ?? '', marks: c.marks } : { text: null, foreign: c, marks: c.marks }))
  return out
}
