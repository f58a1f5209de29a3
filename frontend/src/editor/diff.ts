import { Fragment, type Node as PMNode, Slice } from 'prosemirror-model'
import type { Transaction } from 'prosemirror-state'
import { ReplaceStep } from 'prosemirror-transform'

/** patch makes the content of `a`, which starts at pos, into that of `b` with the smallest replacement: it goes
 * down while exactly one child differs and its markup is equal. */
export function patch(tr: Transaction, a: PMNode, b: PMNode, pos: number): void {
  if (a.isTextblock) { patchText(tr, a, b, pos); return }
  const m = a.childCount
  const n = b.childCount
  let l = 0
  while (l < m && l < n && same(a.child(l), b.child(l))) l++
  let r = 0
  while (r < m - l && r < n - l && same(a.child(m - 1 - r), b.child(n - 1 - r))) r++
  if (l + r === m && l + r === n) return
  let from = pos
  for (let i = 0; i < l; i++) from += a.child(i).nodeSize
  let to = pos + a.content.size
  for (let i = 0; i < r; i++) to -= a.child(m - 1 - i).nodeSize
  if (m === n && m - l - r === 1 && a.child(l).sameMarkup(b.child(l))) { patch(tr, a.child(l), b.child(l), from + 1); return }
  const nodes: PMNode[] = []
  for (let i = l; i < n - r; i++) nodes.push(b.child(i))
  tr.step(new ReplaceStep(from, to, new Slice(Fragment.from(nodes), 0, 0)))
}

const same = (a: PMNode, b: PMNode) => a === b || a.eq(b)

function patchText(tr: Transaction, a: PMNode, b: PMNode, pos: number) {
  const start = a.content.findDiffStart(b.content)
  const end = a.content.findDiffEnd(b.content)
  if (start == null || !end) return
  let { a: ea, b: eb } = end
  const overlap = start - Math.min(ea, eb)
  if (overlap > 0) { ea += overlap; eb += overlap }
  tr.step(new ReplaceStep(pos + start, pos + ea, new Slice(b.content.cut(start, eb), 0, 0)))
}
