import { type Command, EditorState, TextSelection, type Transaction } from 'prosemirror-state'
import * as Y from 'yjs'
import { Binding, flatKey, tidyTables, undoManager } from '../../src/editor/binding.ts'
import { refsOf } from '../../src/editor/flat.ts'
import { schema } from '../../src/editor/schema.ts'

/** A seeded generator (mulberry32): the same seed, the same history. */
export function dice(seed: number) {
  let a = seed >>> 0
  const f = () => { a = (a + 0x6d2b79f5) | 0; let t = Math.imul(a ^ (a >>> 15), 1 | a); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296 }
  return { f, int: (n: number) => Math.floor(f() * n) }
}
export type Dice = ReturnType<typeof dice>

/** Somebody with an editor but no screen. */
export class Person {
  readonly doc = new Y.Doc()
  readonly text = this.doc.getText('body')
  readonly binding = new Binding(this.text, schema)
  state: EditorState
  constructor(id: number, update?: Uint8Array) {
    this.doc.clientID = id
    if (update) Y.applyUpdate(this.doc, update)
    this.state = EditorState.create({ schema, doc: this.binding.load() })
    const self = this
    this.binding.view = { get state() { return self.state }, dispatch: tr => self.dispatch(tr) }
  }
  undo = (() => { let um: Y.UndoManager | null = null; return () => (um ??= undoManager(this.binding)) })()
  dispatch(tr: Transaction) {
    const trs = [tr]
    this.state = this.state.apply(tr)
    if (tr.docChanged && !tr.getMeta(flatKey)) for (let t = tidyTables(this.state); t; t = tidyTables(this.state)) { this.state = this.state.apply(t); trs.push(t) }
    this.binding.write(trs)
  }
  run(c: Command) { return c(this.state, tr => this.dispatch(tr)) }
  at(pos: number, head = pos) { this.dispatch(this.state.tr.setSelection(TextSelection.between(this.state.doc.resolve(pos), this.state.doc.resolve(head)))) }
  type(s: string) { this.dispatch(this.state.tr.insertText(s)) }
  find(s: string): number {
    for (const r of refsOf(this.state.doc)) { const i = r.node.textBetween(0, r.node.content.size, '', '\ufffc').indexOf(s); if (i >= 0) return r.pos + 1 + i }
    throw new Error(`"${s}" is not in the document`)
  }
  lines() { return refsOf(this.state.doc).map(r => r.node.textContent) }
  update() { return Y.encodeStateAsUpdate(this.doc) }
}
export const sync = (...ps: Person[]) => { const us = ps.map(p => p.update()); for (const p of ps) for (const u of us) Y.applyUpdate(p.doc, u) }
export const B = (text: string, attrs: Record<string, unknown> = {}) => schema.nodes.block.create(attrs, text ? schema.text(text) : null)
export function write(...blocks: ReturnType<typeof B>[]): Person {
  const p = new Person(1)
  p.dispatch(p.state.tr.replaceWith(0, p.state.doc.content.size, blocks))
  return p
}
