import type { Node as PMNode } from 'prosemirror-model'
import type * as Y from 'yjs'
import type { Attrs } from '../editor/flat.ts'
import { type Change, type Piece, piecesOf, styleOf } from './change.ts'

/** Which tracked changes to decide on. They are decided on as a whole: half of one would have to be ended and begun anew. */
export type Pick = (c: Change) => boolean

export const everything: Pick = () => true

type Marker = Y.Map<unknown>
interface Part { from: number; to: number; pieces: Piece[] }

/**
 * decide makes tracked changes part of the text, or of the past. It only takes
 * away text and marks, never writes any text: whoever decides at the same moment,
 * nothing stands there twice. Returns whether there was anything to decide.
 */
export function decide(text: Y.Text, blocks: readonly { marker: Marker | null; node: PMNode }[], pick: Pick, accept: boolean): boolean {
  let at = blocks.reduce((n, b) => n + (b.marker ? 1 : 0) + b.node.content.size, 0)
  let any = false
  for (let i = blocks.length - 1; i >= 0; i--) {
    const { marker, node } = blocks[i]
    at -= (marker ? 1 : 0) + node.content.size
    const list = piecesOf(node)
    const start = marker ? at : at - 1
    for (const p of list.length ? parts(list, start, pick) : []) {
      any ||= p.pieces.some(x => !x.idle)
      if (p.pieces.some(x => !x.idle && x.how === (accept ? 'del' : 'ins'))) text.delete(p.from, p.to - p.from)
      else if (p.from === start && marker) settleMarker(marker, p.pieces, accept)
      else text.format(p.from, p.to - p.from, settled(p.pieces, accept))
    }
    // A style that went back to what it was leaves no trace either.
    if (marker?.has('was') && !list.some(p => p.name === 'was')) marker.delete('was')
  }
  return any
}

/** The parts of a block with what is decided on in each, the last part first. */
function parts(list: readonly Piece[], start: number, pick: Pick): Part[] {
  const meant: { piece: Piece; from: number; to: number }[] = []
  for (const piece of list) if (pick(piece.change)) meant.push({ piece, from: start + piece.from, to: start + piece.to })
  const edges = [...new Set(meant.flatMap(m => [m.from, m.to]))].sort((a, b) => a - b)
  const out: Part[] = []
  for (let i = 0; i + 1 < edges.length; i++) {
    const [from, to] = [edges[i], edges[i + 1]]
    const pieces = meant.filter(m => m.from <= from && m.to >= to).map(m => m.piece)
    if (pieces.length) out.unshift({ from, to, pieces })
  }
  return out
}

function settled(pieces: readonly Piece[], accept: boolean): Attrs {
  const out: Attrs = {}
  for (const p of pieces) {
    // What somebody struck out around it without seeing it must not strike it out from now on either.
    out[p.name] = p.struck && !p.idle ? { ...p.change, plain: true } : null
    if (!accept && p.how === 'was') out[p.name.slice(4)] = p.old ?? null
  }
  return out
}

function settleMarker(marker: Marker, pieces: readonly Piece[], accept: boolean) {
  for (const p of pieces) marker.delete(p.name)
  const was = pieces.find(p => p.how === 'was')
  if (accept || !was) return
  const style = styleOf(was.old as Attrs)
  for (const k of ['level', 'align', 'start']) if (style[k] != null) marker.set(k, style[k]); else if (marker.has(k)) marker.delete(k)
  marker.set('kind', style.kind ?? 'p')
}
