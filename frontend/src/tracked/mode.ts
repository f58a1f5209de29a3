import { type Command, EditorState, Plugin, TextSelection, type Transaction } from 'prosemirror-state'
import { type Binding, tidyTables, type View } from '../editor/binding.ts'
import { backspace, cellsCleared, del } from '../editor/commands.ts'
import { windowOf } from '../editor/steps.ts'
import { hasTraces } from './change.ts'
import { flatOf, liveIndex, liveOf, posOf, type Span } from './live.ts'
import { type Aim, type Author, typed } from './propose.ts'

const caretOf = (s: EditorState): Aim => ({ anchor: flatOf(s.doc, s.selection.anchor), head: flatOf(s.doc, s.selection.head) })

/** propose writes what a transaction does to the view's document as tracked changes. */
export function propose(binding: Binding, view: View, tr: Transaction, author: Author) {
  const quick = typed(view.state, tr, author)
  if (quick) { view.dispatch(quick); return }
  const { transactions } = view.state.applyTransaction(tr)
  if (transactions.length) go(view, binding.propose(transactions, author, caretOf(view.state)))
}

/** needsCare tells whether a direct edit touches a paragraph with tracked changes: it must then go by way of the text as well. */
export function needsCare(tr: Transaction): boolean {
  return tr.steps.some((_s, i) => { const w = windowOf(tr.docs[i], tr.docs[i + 1] ?? tr.doc); return !!w && (w.olds.some(r => hasTraces(r.node)) || w.news.some(r => hasTraces(r.node))) })
}

function go(view: View, aim: Aim | null) {
  if (!aim) return
  const { doc, selection } = view.state
  const [a, h] = [posOf(doc, aim.anchor), posOf(doc, aim.head)]
  if (a !== selection.anchor || h !== selection.head) view.dispatch(view.state.tr.setSelection(TextSelection.between(doc.resolve(a), doc.resolve(h))))
}

/** onLive makes a command see the text as it will be once what is proposed to be deleted is gone, and proposes what it does. */
export const onLive = (binding: Binding, view: () => View, author: () => Author) => (c: Command): Command => (state, dispatch, v) => {
  const live = liveOf(state.doc)
  if (live.doc === state.doc) return c(state, dispatch, v)
  const caret = caretOf(state)
  const at = (i: number) => live.doc.resolve(posOf(live.doc, liveIndex(live.gone, i)))
  const selection = TextSelection.between(at(caret.anchor), at(caret.head))
  if (!state.selection.empty && selection.empty && (c === backspace || c === del)) return true // all of it is proposed to go already
  const seen = EditorState.create({ doc: live.doc, selection, storedMarks: state.storedMarks })
  return c(seen, dispatch && (tr => proposeLive(binding, view(), tr, seen, caret, live.gone, author())))
}

function proposeLive(binding: Binding, view: View, tr: Transaction, seen: EditorState, caret: Aim, gone: readonly Span[], author: Author) {
  if (!tr.docChanged) {
    if (tr.selectionSet) go(view, { anchor: realIndex(gone, flatOf(tr.doc, tr.selection.anchor)), head: realIndex(gone, flatOf(tr.doc, tr.selection.head)) })
    if (tr.storedMarksSet) view.dispatch(view.state.tr.setStoredMarks(tr.storedMarks))
    return
  }
  const trs = [tr]
  for (let s = seen.apply(tr), t = tidyTables(s); t; t = tidyTables(s)) { s = s.apply(t); trs.push(t) }
  go(view, binding.propose(trs, author, caret, gone))
}

/** realIndex is the way back from liveIndex, in front of what is proposed to go there. */
function realIndex(gone: readonly Span[], at: number): number {
  let n = at
  for (const g of gone) { if (g.from >= n) break; n += g.len }
  return n
}

/** suggestPlugin lets what is typed or pasted over a selection work on the text as it will be, while changes are proposed. */
export const suggestPlugin = (live: (c: Command) => Command, on: () => boolean) => new Plugin({
  props: {
    handleTextInput(view, from, to, text) {
      const { selection } = view.state
      if (!on() || selection.empty || from !== selection.from || to !== selection.to) return false
      return live((s, dispatch) => { dispatch?.((cellsCleared(s) ?? s.tr).insertText(text).scrollIntoView()); return true })(view.state, view.dispatch.bind(view), view)
    },
    handlePaste(view, _event, slice) {
      return on() && live((s, dispatch) => { dispatch?.(s.tr.replaceSelection(slice).scrollIntoView()); return true })(view.state, view.dispatch.bind(view), view)
    },
    handleDOMEvents: {
      // A dead key writes into the page before it says what; what is selected must be struck out before that.
      compositionstart(view) {
        if (on() && !view.state.selection.empty) live(backspace)(view.state, view.dispatch.bind(view), view)
        return false
      },
    },
  },
})
