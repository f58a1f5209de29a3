import { chainCommands, deleteSelection, joinBackward, joinForward, selectNodeBackward, selectNodeForward, splitBlockAs, toggleMark } from 'prosemirror-commands'
import { InputRule, inputRules } from 'prosemirror-inputrules'
import type { Node as PMNode, ResolvedPos } from 'prosemirror-model'
import { type Command, type EditorState, Plugin, TextSelection, type Transaction } from 'prosemirror-state'
import { type Kind, kindOf, levelOf, MAX_LEVEL, safeHref, schema } from './schema.ts'

const isBlock = (n: PMNode) => n.type === schema.nodes.block
const isList = (k: Kind) => k === 'ul' || k === 'ol'

/** The blocks that the selection touches, with their positions. */
function selected(state: EditorState): { node: PMNode; pos: number }[] {
  const out: { node: PMNode; pos: number }[] = []
  const { from, to } = state.selection
  state.doc.nodesBetween(from, to, (node, pos) => { if (isBlock(node)) out.push({ node, pos }); return !isBlock(node) })
  return out
}

/** setKind gives the selected paragraphs a style; the style all of them have already goes off. */
export const setKind = (kind: Kind, level = 0): Command => (state, dispatch) => {
  const blocks = selected(state)
  if (!blocks.length) return false
  const is = (n: PMNode) => kindOf(n) === kind && (kind !== 'h' || levelOf(n) === level)
  const off = kind !== 'p' && blocks.every(b => is(b.node))
  const tr = state.tr
  for (const { node, pos } of blocks) {
    const keep = isList(kind) && isList(kindOf(node)) && !off ? node.attrs.level : level
    tr.setNodeMarkup(pos, null, { ...node.attrs, start: null, kind: off ? 'p' : kind, level: off ? 0 : keep })
  }
  dispatch?.(tr.scrollIntoView())
  return true
}

/** indent moves list items a level in or out; false when none of the selected paragraphs is one. */
export const indent = (by: 1 | -1): Command => (state, dispatch) => {
  const items = selected(state).filter(b => isList(kindOf(b.node)))
  if (!items.length) return false
  const tr = state.tr
  for (const { node, pos } of items) {
    const level = levelOf(node) + by
    if (level > Math.min(MAX_LEVEL, deepest(state.doc, pos)) && by > 0) continue
    if (level < 0) tr.setNodeMarkup(pos, null, { ...node.attrs, kind: 'p', level: 0 })
    else tr.setNodeAttribute(pos, 'level', level)
  }
  dispatch?.(tr.scrollIntoView())
  return true
}

/** A list item may stand one level below the one before it. */
function deepest(doc: PMNode, pos: number): number {
  const $p = doc.resolve(pos)
  const before = $p.nodeBefore
  return before && isBlock(before) && isList(kindOf(before)) ? levelOf(before) + 1 : 0
}

/** enter splits a paragraph. An empty item leaves its list, an empty quote or line of code its kind; a paragraph follows a heading. */
export const enter: Command = (state, dispatch, view) => {
  const { $from } = state.selection
  const n = $from.parent
  if (!isBlock(n)) return false
  const kind = kindOf(n)
  if (n.content.size === 0 && isList(kind)) return indent(-1)(state, dispatch, view)
  if (n.content.size === 0 && (kind === 'quote' || kind === 'code')) return setKind('p')(state, dispatch, view)
  return splitBlockAs((node, atEnd) => ({
    type: node.type,
    attrs: kind === 'hr' || (kind === 'h' && atEnd) ? { kind: 'p' } : { ...node.attrs, start: null, ins: null, del: null, was: null },
  }))(state, dispatch && (tr => dispatch(tr.scrollIntoView())), view)
}

/** unstyle is Backspace at the start of a styled paragraph: first a level out, then plain. */
const unstyle: Command = (state, dispatch) => {
  const { $from, empty } = state.selection
  const n = $from.parent
  if (!empty || $from.parentOffset > 0 || !isBlock(n)) return false
  const kind = kindOf(n)
  if (kind === 'p' && levelOf(n) === 0) return false
  const level = isList(kind) && levelOf(n) > 0 ? levelOf(n) - 1 : 0
  dispatch?.(state.tr.setNodeMarkup($from.before(), null, { ...n.attrs, kind: level > 0 || (isList(kind) && levelOf(n) > 0) ? kind : 'p', level }))
  return true
}

/** clearCells empties a selection that reaches over cells, and leaves the cells standing. */
export const clearCells: Command = (state, dispatch) => {
  const tr = cellsCleared(state)
  if (tr) dispatch?.(tr.scrollIntoView())
  return !!tr
}

export function cellsCleared(state: EditorState): Transaction | null {
  const { $from, $to, empty } = state.selection
  if (empty || !(state.selection instanceof TextSelection)) return null
  const a = cellAt($from)
  const b = cellAt($to)
  if ((!a && !b) || a?.pos === b?.pos) return null
  const tr = state.tr
  for (const { node, pos } of selected(state).reverse()) {
    const from = Math.max(pos + 1, $from.pos)
    const to = Math.min(pos + 1 + node.content.size, $to.pos)
    if (from < to) tr.delete(from, to)
  }
  return tr.setSelection(TextSelection.near(tr.doc.resolve($from.pos)))
}

/** At the edge of a cell there is nothing to join; the browser would take the cell apart. */
const atCellEdge = (end: boolean): Command => state => {
  const { $from, empty } = state.selection
  const cell = cellAt($from)
  if (!empty || !cell) return false
  return end ? $from.pos === cell.pos + cell.node.nodeSize - 2 : $from.pos === cell.pos + 2
}

export const backspace = chainCommands(clearCells, deleteSelection, unstyle, atCellEdge(false), joinBackward, selectNodeBackward)
export const del = chainCommands(clearCells, deleteSelection, atCellEdge(true), joinForward, selectNodeForward)

// ---- links

/** linkAt finds the link around the caret or at the start of the selection. */
export function linkAt(state: EditorState): { from: number; to: number; href: string } | null {
  const { $from } = state.selection
  const type = schema.marks.link
  const mark = type.isInSet($from.marks()) ?? ($from.nodeAfter && type.isInSet($from.nodeAfter.marks))
  if (!mark) return null
  let from = $from.pos
  let to = $from.pos
  let pos = $from.start()
  let open = -1
  $from.parent.forEach(c => {
    const has = mark.isInSet(c.marks)
    if (has && open < 0) open = pos
    if (!has) open = -1
    if (has && open <= $from.pos && pos + c.nodeSize >= $from.pos) { from = open; to = pos + c.nodeSize } else if (has && from === open && to === pos) to = pos + c.nodeSize
    pos += c.nodeSize
  })
  return { from, to, href: mark.attrs.href }
}

/** setLink puts a link on the selection, or writes its address where nothing is selected; '' takes the link away.
 * Returns false for an address that must not be linked. */
export const setLink = (href: string): Command => (state, dispatch) => {
  const at = linkAt(state)
  const { from, to } = at && state.selection.empty ? at : state.selection
  const tr = state.tr
  if (!href.trim()) { dispatch?.(tr.removeMark(from, to, schema.marks.link)); return true }
  const safe = safeHref(/^[\w-]+(\.[\w-]+)+(\/|$)/.test(href.trim()) ? `https://${href.trim()}` : href)
  if (!safe) return false
  const mark = schema.marks.link.create({ href: safe })
  if (from === to) tr.replaceWith(from, to, schema.text(href.trim(), [mark]))
  else tr.addMark(from, to, mark)
  dispatch?.(tr.removeStoredMark(schema.marks.link).scrollIntoView())
  return true
}

// ---- cells

export function cellAt($p: ResolvedPos): { node: PMNode; pos: number; depth: number } | null {
  for (let d = $p.depth; d > 0; d--) {
    const node = $p.node(d)
    if (node.type === schema.nodes.cell || node.type === schema.nodes.head) return { node, pos: $p.before(d), depth: d }
  }
  return null
}

// ---- rules while writing

const rule = (re: RegExp, kind: Kind, level: (m: RegExpMatchArray) => number, before: () => void) => new InputRule(re, (state, m, start, end) => {
  const $s = state.doc.resolve(start)
  if (!isBlock($s.parent) || $s.parentOffset !== 0 || kindOf($s.parent) !== 'p') return null
  before()
  return state.tr.delete(start, end).setNodeMarkup($s.before(), null, { ...$s.parent.attrs, kind, level: level(m) })
})

/** writingRules makes "# ", "- ", "1. " and "> " at the start of a paragraph its style; beforehand is called first, so that undo gives the signs back. */
export const writingRules = (beforehand: () => void) => inputRules({
  rules: [
    rule(/^(#{1,3})\s$/, 'h', m => m[1].length, beforehand),
    rule(/^[-*•]\s$/, 'ul', () => 0, beforehand),
    rule(/^1[.)]\s$/, 'ol', () => 0, beforehand),
    rule(/^>\s$/, 'quote', () => 0, beforehand),
  ],
})

/** typingPlugin keeps typed text out of others' tracked changes, out of rules across the page, and cells whole. */
export const typingPlugin = () => new Plugin({
  props: {
    handleTextInput(view, from, to, text) {
      const { state } = view
      const cleared = cellsCleared(state)
      if (cleared) { view.dispatch(cleared.insertText(text, state.selection.from)); return true }
      const $from = state.doc.resolve(from)
      const marks = state.storedMarks ?? $from.marks()
      const { ins, del: gone } = schema.marks
      const tracked = marks.some(m => m.type === ins || m.type === gone)
      const line = isBlock($from.parent) && kindOf($from.parent) === 'hr'
      if (!tracked && !line) return false
      const tr = state.tr.replaceWith(from, to, schema.text(text, marks.filter(m => m.type !== ins && m.type !== gone)))
      if (line) tr.setNodeMarkup($from.before(), null, { ...$from.parent.attrs, kind: 'p', level: 0 })
      view.dispatch(tr.setSelection(TextSelection.create(tr.doc, from + text.length)).scrollIntoView())
      return true
    },
  },
})

export const strong = toggleMark(schema.marks.strong)
export const em = toggleMark(schema.marks.em)
