import { Fragment, type Node as PMNode } from 'prosemirror-model'
import { type Command, type EditorState, TextSelection } from 'prosemirror-state'
import { cellAt } from './commands.ts'
import { randomId, schema } from './schema.ts'

const S = schema.nodes
const empty = (col: string, head: boolean) => (head ? S.head : S.cell).create({ id: col }, S.block.create())

/** insertTable puts a table behind the paragraph with the caret, which goes to its first cell; not inside a table. */
export const insertTable = (rows = 3, cols = 3): Command => (state, dispatch) => {
  const { $from } = state.selection
  if (cellAt($from)) return false
  const ids = Array.from({ length: cols }, randomId)
  const table = S.table.create({ id: randomId() }, Array.from({ length: rows }, (_, r) => S.row.create({ id: randomId() }, ids.map(c => empty(c, r === 0)))))
  const at = $from.depth ? $from.after(1) : $from.pos
  const last = at === state.doc.content.size
  const tr = state.tr.insert(at, last ? [table, S.block.create()] : table)
  dispatch?.(tr.setSelection(TextSelection.near(tr.doc.resolve(at + 3))).scrollIntoView())
  return true
}

interface Place { table: PMNode; at: number; row: number; col: number }

/** placeOf tells which cell of which table the caret is in; null outside tables. */
export function placeOf(state: EditorState): Place | null {
  const { $from } = state.selection
  const cell = cellAt($from)
  if (!cell) return null
  const d = cell.depth
  return { table: $from.node(d - 2), at: $from.before(d - 2), row: $from.index(d - 2), col: $from.index(d - 1) }
}

const rowAt = (p: Place, row: number) => { let at = p.at + 1; for (let i = 0; i < row; i++) at += p.table.child(i).nodeSize; return at }
const cellPos = (p: Place, row: number, col: number) => { let at = rowAt(p, row) + 1; for (let i = 0; i < col; i++) at += p.table.child(row).child(i).nodeSize; return at }

/** addRow puts an empty row under the one with the caret. */
export const addRow: Command = (state, dispatch) => {
  const p = placeOf(state)
  if (!p) return false
  const old = p.table.child(p.row)
  const cells: PMNode[] = []
  old.forEach(c => cells.push(empty(c.attrs.id, false)))
  const at = rowAt(p, p.row) + old.nodeSize
  const tr = state.tr.insert(at, S.row.create({ id: randomId() }, cells))
  dispatch?.(tr.setSelection(TextSelection.near(tr.doc.resolve(at + 2))).scrollIntoView())
  return true
}

/** addColumn puts an empty column right of the one with the caret. */
export const addColumn: Command = (state, dispatch) => {
  const p = placeOf(state)
  if (!p) return false
  const id = randomId()
  const tr = state.tr
  for (let r = p.table.childCount - 1; r >= 0; r--) {
    const row = p.table.child(r)
    const col = Math.min(p.col, row.childCount - 1)
    tr.insert(cellPos(p, r, col) + row.child(col).nodeSize, empty(id, row.child(col).type === S.head))
  }
  const next = tr.mapping.map(cellPos(p, p.row, p.col), -1) + p.table.child(p.row).child(p.col).nodeSize
  dispatch?.(tr.setSelection(TextSelection.near(tr.doc.resolve(next + 2))).scrollIntoView())
  return true
}

/** deleteRow takes the row with the caret away; with the last row the table. */
export const deleteRow: Command = (state, dispatch) => {
  const p = placeOf(state)
  if (!p) return false
  if (p.table.childCount === 1) return deleteTable(state, dispatch)
  const at = rowAt(p, p.row)
  dispatch?.(state.tr.delete(at, at + p.table.child(p.row).nodeSize).scrollIntoView())
  return true
}

/** deleteColumn takes the column with the caret away; with the last column the table. */
export const deleteColumn: Command = (state, dispatch) => {
  const p = placeOf(state)
  if (!p) return false
  const left: PMNode[] = []
  p.table.forEach(row => { if (row.childCount > 1 || p.col > 0) left.push(row) })
  if (!left.length) return deleteTable(state, dispatch)
  const tr = state.tr
  for (let r = p.table.childCount - 1; r >= 0; r--) {
    const row = p.table.child(r)
    if (p.col >= row.childCount) continue
    if (row.childCount === 1) { const at = rowAt(p, r); tr.delete(at, at + row.nodeSize) } else { const at = cellPos(p, r, p.col); tr.delete(at, at + row.child(p.col).nodeSize) }
  }
  dispatch?.(tr.scrollIntoView())
  return true
}

export const deleteTable: Command = (state, dispatch) => {
  const p = placeOf(state)
  if (!p) return false
  const alone = state.doc.childCount === 1
  const tr = state.tr.replaceWith(p.at, p.at + p.table.nodeSize, alone ? Fragment.from(S.block.create()) : Fragment.empty)
  dispatch?.(tr.setSelection(TextSelection.near(tr.doc.resolve(Math.min(p.at + 1, tr.doc.content.size)), -1)).scrollIntoView())
  return true
}

/** nextCell goes a cell on or back; on from the last one it adds a row, as word processors do. */
export const nextCell = (by: 1 | -1): Command => (state, dispatch, view) => {
  const p = placeOf(state)
  if (!p) return false
  let { row, col } = p
  col += by
  if (col < 0) { row--; if (row >= 0) col = p.table.child(row).childCount - 1 } else if (col >= p.table.child(row).childCount) { row++; col = 0 }
  if (row < 0) return true
  if (row >= p.table.childCount) return addRow(state, dispatch, view)
  const at = cellPos(p, row, col)
  const end = at + p.table.child(row).child(col).nodeSize
  dispatch?.(state.tr.setSelection(TextSelection.between(state.doc.resolve(at + 2), state.doc.resolve(end - 2))).scrollIntoView())
  return true
}

/** freshIds gives the tables of a pasted piece ids of their own: the same id twice would make two tables one. */
export function freshIds(f: Fragment): Fragment {
  const kids: PMNode[] = []
  f.forEach(n => {
    if (n.type !== S.table) { kids.push(n.isTextblock || n.isText ? n : n.copy(freshIds(n.content))); return }
    const cols = new Map<unknown, string>()
    const rows: PMNode[] = []
    n.forEach(row => {
      const used = new Set<string>()
      const cells: PMNode[] = []
      row.forEach((c, _o, i) => {
        const key = c.attrs.id ?? i
        let id = cols.get(key)
        if (!id || used.has(id)) id = randomId()
        cols.set(key, id)
        used.add(id)
        cells.push(c.type.create({ id }, c.content))
      })
      rows.push(S.row.create({ id: randomId() }, cells))
    })
    kids.push(S.table.create({ id: randomId() }, rows))
  })
  return Fragment.from(kids)
}
