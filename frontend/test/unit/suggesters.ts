import type { Node as PMNode } from 'prosemirror-model'
import { type Command, EditorState, Plugin, type Transaction } from 'prosemirror-state'
import { flatKey, tidyTables } from '../../src/editor/binding.ts'
import { schema } from '../../src/editor/schema.ts'
import { everything } from '../../src/tracked/decide.ts'
import { flatOf, liveIndex, liveOf, posOf } from '../../src/tracked/live.ts'
import { needsCare, onLive, propose } from '../../src/tracked/mode.ts'
import { TYPED } from '../../src/tracked/propose.ts'
import { Person } from './people.ts'

const tidy = new Plugin({ appendTransaction: (trs, _old, state) => (trs.some(t => t.docChanged && !t.getMeta(flatKey)) ? tidyTables(state) : null) })

/** Somebody who writes in suggesting mode, unless told otherwise. */
export class Suggester extends Person {
  on = true
  now = 1_764_000_000_000
  private made = 0
  readonly by: string
  constructor(id: number, update?: Uint8Array) {
    super(id, update)
    this.by = `p-${id}`
    this.state = EditorState.create({ schema, doc: this.state.doc, plugins: [tidy] })
  }
  author = () => ({ by: this.by, now: this.now, id: () => `c${this.text.doc!.clientID}-${this.made++}` })
  override dispatch(tr: Transaction) {
    if (tr.docChanged && !tr.getMeta(flatKey) && !tr.getMeta(TYPED) && (this.on || needsCare(tr))) propose(this.binding, this.binding.view!, tr, { ...this.author(), direct: !this.on })
    else {
      const { state, transactions } = this.state.applyTransaction(tr)
      this.state = state
      this.binding.write(transactions)
    }
  }
  override run(c: Command) { return this.on ? onLive(this.binding, () => this.binding.view!, this.author)(c)(this.state, tr => this.dispatch(tr)) : super.run(c) }
  /** The text with all changes decided one way, as somebody else would read it. */
  all(accept: boolean): PMNode {
    const p = new Person(999_999, this.update())
    p.binding.decide(everything, accept)
    return p.state.doc
  }
  /** A place of this text as a position in the same text without what is proposed to go. */
  there(other: Person, pos: number): number { return posOf(other.state.doc, liveIndex(liveOf(this.state.doc).gone, flatOf(this.state.doc, pos))) }
  /** What is in the text, piece by piece: its marks are shown as {+in+}, {-out-} and {~looks~}, a paragraph as ¶. */
  shown(): string {
    let out = ''
    this.state.doc.descendants(n => {
      if (n.type.name === 'block') {
        const sign = n.attrs.ins && n.attrs.del ? '±' : n.attrs.ins ? '+' : n.attrs.del ? '-' : ''
        out += `${sign}¶${n.attrs.kind === 'p' ? '' : n.attrs.kind}${n.attrs.was && (n.attrs.was.kind ?? 'p') !== n.attrs.kind ? `(${n.attrs.was.kind ?? 'p'})` : ''} `
      }
      if (!n.isText) return
      const has = (k: string) => n.marks.some(m => m.type.name === k && !m.attrs.idle)
      let s = n.text!
      if (has('strong')) s = `*${s}*`
      if (has('was')) s = `{~${s}~}`
      if (has('ins')) s = `{+${s}+}`
      if (has('del')) s = `{-${s}-}`
      out += s
    })
    return out.trim()
  }
}
