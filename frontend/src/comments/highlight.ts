import type { Node as PMNode } from 'prosemirror-model'
import { Plugin, PluginKey } from 'prosemirror-state'
import { Decoration, DecorationSet } from 'prosemirror-view'
import { flatKey } from '../editor/binding.ts'
import { flush } from '../editor/view.ts'
import type { Comments } from './store.ts'

/** Meta that asks for the marks to be drawn anew. */
export const highlightKey = new PluginKey<DecorationSet>('comments')

/** highlightPlugin marks commented text. Local edits carry the marks along; after a peer's edit, which may replace
 * whole paragraphs on the page, they are drawn from their places in the flat text. */
export function highlightPlugin(store: () => Comments | null): Plugin<DecorationSet> {
  const draw = (doc: PMNode) => {
    const s = store()
    if (!s) return DecorationSet.empty
    const draft = s.drafted()
    const sketch = draft && draft.to > draft.from ? [Decoration.inline(s.binding.pmPos(doc, draft.from), s.binding.pmPos(doc, draft.to), { class: 'mark mark--draft' }, { id: '' })] : []
    return DecorationSet.create(doc, sketch.concat(s.marks().map(({ comment: c, place }) => Decoration.inline(
      s.binding.pmPos(doc, place.from), s.binding.pmPos(doc, place.to),
      { class: `mark mark--${c.kind}${s.active.value === c.id ? ' mark--on' : ''}` }, { id: c.id }))))
  }
  return new Plugin<DecorationSet>({
    key: highlightKey,
    state: {
      init: () => DecorationSet.empty,
      apply: (tr, old) => (tr.getMeta(highlightKey) || (tr.getMeta(flatKey) && (store()?.list.value.length || store()?.drafted())) ? draw(tr.doc) : tr.docChanged ? old.map(tr.mapping, tr.doc) : old),
    },
    props: {
      decorations: state => highlightKey.getState(state),
      handleClick: (view, pos) => {
        const found = highlightKey.getState(view.state)?.find(pos, pos) ?? []
        const s = store()
        // Of marks one inside the other the shortest is meant.
        const d = found.sort((a, b) => a.to - a.from - (b.to - b.from))[0]
        const id = (d?.spec as { id: string } | undefined)?.id
        if (s && id) {
          // Showing the card redraws the mark, and a redraw puts back the selection the editor knows: let it read the
          // caret this click has just set first, or the next key goes to the old place.
          flush(view)
          s.active.value = id
        }
        return false
      },
    },
  })
}
