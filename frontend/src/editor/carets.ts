import { Plugin } from 'prosemirror-state'
import type { EditorView } from 'prosemirror-view'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { type Json, person } from '../net/wire.ts'
import type { Binding } from './binding.ts'

const THROTTLE = 120

/** Others in the document, as presence tells. */
export interface Peer { client: number; id: string; name: string; color: string; cursor: { a: unknown; h: unknown } | null }

export function peersOf(awareness: Awareness): Peer[] {
  const out: Peer[] = []
  awareness.getStates().forEach((state, client) => {
    const s = state as Json
    if (client === awareness.clientID || !s.user) return
    const c = s.cursor as Json | null | undefined
    out.push({ client, ...person(s.user), cursor: c?.a && c.h ? { a: c.a, h: c.h } : null })
  })
  return apart(out)
}

/** Dark enough for white text on them; the server gives each person one of these for good. */
const COLORS = ['#9d2235', '#1d5b8f', '#2f6b3a', '#7a4a9e', '#8a4b08', '#0b6e6e', '#a03070', '#4a5a12', '#5b4bb5', '#a3410f', '#21618c', '#6b3e26']

/** apart gives people who were dealt the same colour different ones, as long as there are any. The
 * order of ids decides, so that colours stay while people come and go as far as they can. */
export function apart(peers: Peer[]): Peer[] {
  const of = new Map<string, string>()
  for (const p of [...peers].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))) {
    if (of.has(p.id)) continue
    const taken = new Set(of.values())
    of.set(p.id, taken.has(p.color) ? (COLORS.find(c => !taken.has(c)) ?? p.color) : p.color)
  }
  return peers.map(p => ({ ...p, color: of.get(p.id) ?? p.color }))
}

/**
 * caretsPlugin shows where the others are, in a layer over the page and never
 * in the document: a peer's caret drawn into the text made the browser select
 * anew, and an arrow key pressed at that moment was lost.
 */
export function caretsPlugin(binding: Binding, awareness: Awareness): Plugin {
  return new Plugin({
    view: view => {
      const layer = document.createElement('div')
      layer.className = 'carets'
      layer.setAttribute('aria-hidden', 'true')
      view.dom.parentElement!.append(layer)
      let frame = 0
      let timer: ReturnType<typeof setTimeout> | undefined
      let told = ''
      const draw = () => { frame = 0; if (!view.isDestroyed) layer.replaceChildren(...peersOf(awareness).flatMap(p => drawPeer(view, binding, layer, p))) }
      const later = () => { frame ||= requestAnimationFrame(draw) }
      const tell = () => {
        timer = undefined
        if (view.isDestroyed) return
        const { anchor, head } = view.state.selection
        const rel = (p: number) => Y.relativePositionToJSON(binding.relative(view.state.doc, p, -1))
        const cursor = view.hasFocus() || told ? { a: rel(anchor), h: rel(head) } : null
        const now = JSON.stringify(cursor)
        if (now === told) return
        told = now
        awareness.setLocalStateField('cursor', cursor)
      }
      const resize = new ResizeObserver(later)
      resize.observe(view.dom)
      awareness.on('change', later)
      return {
        update: (_v: EditorView, before) => {
          const { doc, selection } = view.state
          if (before.doc !== doc) later()
          if (before.doc !== doc || !before.selection.eq(selection)) timer ??= setTimeout(tell, THROTTLE)
        },
        destroy: () => { awareness.off('change', later); resize.disconnect(); cancelAnimationFrame(frame); clearTimeout(timer); layer.remove() },
      }
    },
  })
}

function drawPeer(view: EditorView, binding: Binding, layer: HTMLElement, p: Peer): HTMLElement[] {
  if (!p.cursor) return []
  try {
    const { doc } = view.state
    const a = binding.absolute(doc, Y.createRelativePositionFromJSON(p.cursor.a))
    const h = binding.absolute(doc, Y.createRelativePositionFromJSON(p.cursor.h))
    if (a == null || h == null) return []
    const box = layer.getBoundingClientRect()
    const out: HTMLElement[] = []
    if (a !== h) {
      const from = view.domAtPos(Math.min(a, h))
      const to = view.domAtPos(Math.max(a, h))
      const range = document.createRange()
      range.setStart(from.node, from.offset)
      range.setEnd(to.node, to.offset)
      for (const r of range.getClientRects()) out.push(piece('caret-range', p.color, r.left - box.left, r.top - box.top, r.width, r.height))
    }
    const c = view.coordsAtPos(h)
    const caret = piece('caret', p.color, c.left - box.left, c.top - box.top, 0, c.bottom - c.top)
    const label = document.createElement('span')
    label.textContent = p.name
    if (c.top - box.top < 24) label.className = 'below'
    if (c.left - box.left > box.width - 120) label.classList.add('left')
    caret.append(label)
    out.push(caret)
    return out
  } catch { return [] /* the peer is ahead of us: drawn with the next change */ }
}

function piece(cls: string, color: string, left: number, top: number, width: number, height: number) {
  const e = document.createElement('span')
  e.className = cls
  e.style.setProperty('--who', color)
  Object.assign(e.style, { left: `${left}px`, top: `${top}px`, width: width ? `${width}px` : '', height: `${height}px` })
  return e
}
