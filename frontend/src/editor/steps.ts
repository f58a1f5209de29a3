import type { Node as PMNode } from 'prosemirror-model'
import type { Transaction } from 'prosemirror-state'
import { blockCount, type Ref, refsOf, sameToken, type Token } from './flat.ts'

/** The blocks in which two documents differ: `first` is the number of equal ones before them. */
export interface Window { first: number; olds: Ref[]; news: Ref[] }

/** The blocks that differ between two documents; null when none does. */
export function windowOf(od: PMNode, nd: PMNode): Window | null {
  const m = od.childCount
  const n = nd.childCount
  let l = 0
  let first = 0
  let pos = 0
  while (l < m && l < n && od.child(l) === nd.child(l)) { first += blockCount(od.child(l)); pos += od.child(l).nodeSize; l++ }
  let r = 0
  while (r < m - l && r < n - l && od.child(m - 1 - r) === nd.child(n - 1 - r)) r++
  let olds = refsOf(od, l, m - r, pos)
  let news = refsOf(nd, l, n - r, pos)
  const equal = (a: Ref, b: Ref) => a.node === b.node && a.cell === b.cell
  let a = 0
  while (a < olds.length && a < news.length && equal(olds[a], news[a])) a++
  let z = 0
  while (z < olds.length - a && z < news.length - a && equal(olds[olds.length - 1 - z], news[news.length - 1 - z])) z++
  olds = olds.slice(a, olds.length - z)
  news = news.slice(a, news.length - z)
  return olds.length || news.length ? { first: first + a, olds, news } : null
}

/** common counts the tokens that stay at the front and at the back. */
export function common(ot: readonly Token[], nt: readonly Token[], start: number, same = sameToken): [number, number] {
  let p = 0
  // Not past the place where the step starts: a letter typed beside its equal must come in at the caret.
  while (p < start && p < ot.length && p < nt.length && same(ot[p], nt[p])) p++
  let s = 0
  while (s < ot.length - p && s < nt.length - p && same(ot[ot.length - 1 - s], nt[nt.length - 1 - s])) s++
  // A replacement that repeats the old text (to add a mark, say) keeps the old characters.
  if (ot.length - p - s > 0) while (p < ot.length - s && p < nt.length - s && same(ot[p], nt[p])) p++
  // Half a surrogate pair would be stored as U+FFFD.
  if (p > 0 && isHigh(nt[p - 1])) p--
  if (s > 0 && (isHigh(ot[ot.length - s - 1]) || isHigh(nt[nt.length - s - 1]))) s--
  return [p, s]
}

function isHigh(t: Token | undefined) { const c = t?.char.charCodeAt(0) ?? 0; return c >= 0xd800 && c < 0xdc00 }

/** Where step i of a transaction begins to change its document; a pure change of style begins nowhere. */
export function stepStart(tr: Transaction, i: number): number {
  let m = Number.POSITIVE_INFINITY
  tr.mapping.maps[i].forEach(a => { m = Math.min(m, a) })
  return m
}

