import { Fragment, type Mark, type Node as PMNode, type Schema } from 'prosemirror-model'
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
  for (const m of marks) {
    const { id, by, at, name, over, look, old, plain } = m.attrs
    switch (m.type.name) {
      case 'ins': o[name] = plain ? { id, by, at, plain } : { id, by, at }; break
      case 'del': o[name] = over ? { id, by, at, over } : { id, by, at }; break
      case 'was': o[`was.${look}`] = old == null ? { id, by, at } : { id, by, at, old }; break
      default: o[m.type.name] = Object.keys(m.attrs).length ? m.attrs : true
    }
  }
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
  // In one order for everybody: marks of one type stand in the order in which they came.
  if (!attrs) return out
  const insertion = insertionOf(attrs)
  for (const k of Object.keys(attrs).sort()) {
    const mark = markOf(k, attrs, schema, insertion)
    if (mark) out = mark.addToSet(out)
  }
  return out
}

/**
 * Every insertion and deletion has an attribute of its own, "ins:" or "del:" and its id. With one for all, text put into
 * a change would have to end and begin it anew, and if the whole of it goes at the same moment, that beginning is left and
 * covers the rest of the document.
 */
export const isIns = (k: string) => k === 'ins' || k.startsWith('ins:')
export const isDel = (k: string) => k === 'del' || k.startsWith('del:')

const asObject = (v: unknown): Attrs | null => (v == null || v === false ? null : typeof v === 'object' ? (v as Attrs) : {})
const timeOf = (v: Attrs) => (typeof v.at === 'number' ? v.at : 0)

/** insertionOf names the attribute of the insertion that brought a piece of text: of several one within the other, the newest. */
export function insertionOf(attrs: Attrs): string | null {
  let name: string | null = null
  for (const k in attrs) {
    if (!isIns(k)) continue
    const v = asObject(attrs[k])
    if (v && (name === null || timeOf(v) > timeOf(asObject(attrs[name])!) || (timeOf(v) === timeOf(asObject(attrs[name])!) && k > name))) name = k
  }
  return name
}

/** strikes tells whether a deletion means this piece of text. Its range takes in what others put in there at the same moment;
 * a deletion of inserted text says of which insertion. */
export const strikes = (del: unknown, insertion: string | null) => insertion === null || insertion === 'ins' || asObject(del)?.over === insertion

function markOf(k: string, attrs: Attrs, schema: Schema, insertion: string | null): Mark | null {
  const v = attrs[k]
  if (v == null || v === false) return null
  const M = schema.marks
  if (k === 'strong' || k === 'em' || k === 'code') return M[k].create()
  const o = asObject(v)!
  if (k === 'link') return typeof o.href === 'string' ? M.link.create({ href: o.href }) : null
  const by = { id: o.id ?? null, by: o.by ?? null, at: o.at ?? null }
  if (isIns(k)) return M.ins.create({ ...by, name: k, plain: o.plain === true, idle: k !== insertion || o.plain === true })
  if (isDel(k)) return M.del.create({ ...by, name: k, over: typeof o.over === 'string' ? o.over : null, idle: !strikes(o, insertion) })
  const look = k.startsWith('was.') ? k.slice(4) : ''
  return (LOOKS as readonly string[]).includes(look) ? M.was.create({ ...by, look, old: o.old ?? null }) : null
}

/** The marks that say how text looks. */
export const LOOKS = ['strong', 'em', 'code', 'link'] as const

/** looksOf picks the looks out of the attributes of a piece of text. */
export function looksOf(attrs: Attrs): Attrs {
  const out: Attrs = {}
  for (const k of LOOKS) if (attrs[k] != null && attrs[k] !== false) out[k] = attrs[k]
  return out
}

/** Marks after a formatting of the text: null takes one away, a value sets it, unknown names change nothing. */
export function reformat(marks: readonly Mark[], attrs: Attrs, schema: Schema): readonly Mark[] {
  return marksOf({ ...attrsOf(marks), ...attrs }, schema)
}

export const sameMarks = (a: readonly Mark[], b: readonly Mark[]) => a.length === b.length && a.every((m, i) => m.eq(b[i]))

export function runsOf(n: PMNode, from = 0, to = n.content.size): Run[] {
  const out: Run[] = []
  const part = from === 0 && to === n.content.size ? n.content : n.content.cut(from, to)
  part.forEach(c => out.push(c.isText ? { text: c.text ?? '', marks: c.marks } : { text: null, foreign: c, marks: c.marks }))
  return out
}

// ---- from blocks to the document

/** A block without its place. */
export interface Loose { readonly node: PMNode; readonly cell: string | null }
/** Tables that were built, by their first block. */
export type Tables = WeakMap<PMNode, { nodes: PMNode[]; table: PMNode }>

/** assemble makes the document of a row of blocks. Consecutive ones with one table id are that table. */
export function assemble(blocks: readonly Loose[], schema: Schema, known: Tables): PMNode {
  const top: PMNode[] = []
  for (let i = 0; i < blocks.length;) {
    const c = parseCell(blocks[i].cell)
    if (!c) { top.push(blocks[i++].node); continue }
    let j = i + 1
    while (j < blocks.length && parseCell(blocks[j].cell)?.table === c.table) j++
    top.push(tableOf(blocks.slice(i, j), schema, known))
    i = j
  }
  return schema.nodes.doc.create(null, top)
}

// Consecutive blocks with one row and column id form that row and cell. The built node is kept, so that an untouched
// table stays the same object and costs one comparison.
function tableOf(blocks: readonly Loose[], schema: Schema, known: Tables): PMNode {
  const old = known.get(blocks[0].node)
  if (old && old.nodes.length === blocks.length && old.nodes.every((n, i) => n === blocks[i].node) && sameCells(old.table, blocks)) return old.table
  const S = schema.nodes
  const rows: { id: string; cells: { id: string; head: boolean; blocks: PMNode[] }[] }[] = []
  for (const b of blocks) {
    const c = parseCell(b.cell)!
    let row = rows.at(-1)
    if (row?.id !== c.row) rows.push(row = { id: c.row, cells: [] })
    let cell = row.cells.at(-1)
    if (cell?.id !== c.col) row.cells.push(cell = { id: c.col, head: c.head, blocks: [] })
    cell.blocks.push(b.node)
  }
  const table = S.table.create({ id: parseCell(blocks[0].cell)!.table }, rows.map(r =>
    S.row.create({ id: r.id }, r.cells.map(c => (c.head ? S.head : S.cell).create({ id: c.id }, c.blocks)))))
  known.set(blocks[0].node, { nodes: blocks.map(b => b.node), table })
  return table
}

function sameCells(table: PMNode, blocks: readonly Loose[]) {
  const refs = refsOf(table.type.schema.nodes.doc.create(null, Fragment.from(table)))
  return refs.every((r, i) => r.cell === blocks[i].cell)
}
