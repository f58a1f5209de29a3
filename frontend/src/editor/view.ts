import { baseKeymap } from 'prosemirror-commands'
import { dropCursor } from 'prosemirror-dropcursor'
import { gapCursor } from 'prosemirror-gapcursor'
import { keymap } from 'prosemirror-keymap'
import { type Command, EditorState, Plugin, type Transaction } from 'prosemirror-state'
import { EditorView } from 'prosemirror-view'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Screen } from '../net/gate.ts'
import type { Change, How } from '../tracked/change.ts'
import { changeMarks } from '../tracked/marks.ts'
import { needsCare, onLive, propose, suggestPlugin } from '../tracked/mode.ts'
import { type Author, TYPED } from '../tracked/propose.ts'
import { Binding, flatKey, flatPlugin, undoManager } from './binding.ts'
import { caretsPlugin } from './carets.ts'
import { backspace, del, em, enter, indent, setKind, strong, typingPlugin, writingRules } from './commands.ts'
import { OfficeParser, pasted, withoutStyles } from './paste.ts'
import { t } from '../text.ts'
import { schema } from './schema.ts'
import { nextCell } from './tables.ts'

export interface Options {
  mount: HTMLElement
  text: Y.Text
  awareness: Awareness
  label: string
  lang: string
  canEdit: () => boolean
  /** Who writes; direct says that it is not as a proposal. */
  author: () => Author
  /** What to say of a tracked change where the mouse rests on it. */
  describe: (how: How, change: Change) => string
  onState: (state: EditorState, before: EditorState | null) => void
  onLink: () => void
  onComment: () => void
  onStep: (by: 1 | -1) => void
  onEscape: () => void
  onSuggest: () => void
  onPasteTooLong: () => void
  plugins: (binding: Binding) => Plugin[]
}

/** The longest text taken from the clipboard at once: its frame stays under the server's limit of 1 MiB. */
const MAX_PASTE = 300_000

/** Paper is the page somebody writes on, with its binding to the text and its undo. */
export class Paper {
  readonly binding: Binding
  readonly undo: Y.UndoManager
  readonly view: EditorView
  /** What the inbound gate asks before it lets a peer's edit onto the page. */
  readonly screen: Screen
  private readonly live = (c: Command): Command => {
    const proposed = onLive(this.binding, () => this.view, this.o.author)(c)
    return (s, d, v) => (this.o.author().direct ? c(s, d, v) : proposed(s, d, v))
  }

  constructor(private readonly o: Options) {
    this.binding = new Binding(o.text, schema)
    const doc = this.binding.load()
    this.undo = undoManager(this.binding)
    const paper = this
    this.view = new EditorView(o.mount, {
      state: EditorState.create({ doc, plugins: this.plugins() }),
      // The toolbar stands over the top of the page and the status bar over its foot.
      scrollThreshold: { top: 80, bottom: 60, left: 0, right: 0 },
      scrollMargin: { top: 90, bottom: 80, left: 5, right: 5 },
      clipboardParser: new OfficeParser(),
      transformPastedHTML: withoutStyles,
      transformPasted: (slice, view) => pasted(slice, view.state),
      markViews: changeMarks(o.describe),
      handlePaste: (_v, e) => { const long = (e.clipboardData?.getData('text/plain').length ?? 0) > MAX_PASTE; if (long) o.onPasteTooLong(); return long },
      attributes: () => ({ role: 'textbox', 'aria-multiline': 'true', 'aria-label': o.label, 'aria-readonly': String(!o.canEdit()), lang: o.lang, spellcheck: String(o.canEdit()), class: 'paper', 'data-placeholder': t('editor.placeholder') }),
      dispatchTransaction(tr) { paper.dispatch(tr) },
    })
    this.screen = { composing: () => this.view.composing, settle: () => flush(this.view) }
  }

  destroy() { this.undo.destroy(); this.view.destroy() }

  private dispatch(tr: Transaction) {
    const before = this.view.state
    if (tr.docChanged && !tr.getMeta(flatKey) && !tr.getMeta(TYPED)) {
      const author = this.o.author()
      if (!author.direct || needsCare(tr)) { propose(this.binding, this.view, tr, author); return }
    }
    const { state, transactions } = before.applyTransaction(tr)
    this.view.updateState(state)
    this.binding.write(transactions)
    this.o.onState(this.view.state, before)
  }

  /** run does a command from a button and gives the page the focus back. */
  run(c: Command): boolean {
    const done = this.live(c)(this.view.state, this.view.dispatch.bind(this.view), this.view)
    this.view.focus()
    return done
  }

  /** refresh makes the page ask again whether it may be edited. */
  refresh() { this.view.setProps({}) }

  private plugins(): Plugin[] {
    const { o } = this
    const editing = (c: Command): Command => { const live = this.live(c); return (s, d, v) => (o.canEdit() ? live(s, d, v) : true) }
    const own = (f: () => unknown): Command => () => { f(); return true }
    const back = (f: () => unknown): Command => () => { if (o.canEdit()) f(); return true }
    let leaving = false
    const tab = (by: 1 | -1): Command => (s, d, v) => {
      if (leaving || !o.canEdit()) return false
      return this.live(indent(by))(s, d, v) || this.live(nextCell(by))(s, d, v)
    }
    return [
      new Plugin({
        props: {
          // An arrow key still under way in the browser must be known before a key binding acts on the old place.
          handleKeyDown: (v, e) => { flush(v); if (e.key !== 'Escape' && e.key !== 'Tab' && e.key !== 'Shift') leaving = false; return false },
          // In a text that can be written a click puts the caret; with Ctrl, or for a reader, it follows the link.
          handleClick: (_v, _pos, e) => {
            const href = (e.target as Element).closest?.('a')?.getAttribute('href')
            if (!href || href === '#' || !(e.ctrlKey || e.metaKey || !o.canEdit())) return false
            window.open(href, '_blank', 'noopener,noreferrer')
            return true
          },
          handleDOMEvents: {
            // The page takes the focus for everyone, so that a reader and a commenter can move and select by keyboard.
            beforeinput: (_v, e) => { if (o.canEdit()) return false; e.preventDefault(); return true },
            drop: (_v, e) => { if (o.canEdit()) return false; e.preventDefault(); return true },
            blur: () => { leaving = false; return false },
          },
        },
        filterTransaction: tr => !tr.docChanged || !!tr.getMeta(flatKey) || o.canEdit(),
      }),
      flatPlugin(this.binding),
      caretsPlugin(this.binding, o.awareness),
      ...o.plugins(this.binding),
      suggestPlugin(this.live, () => o.canEdit() && !o.author().direct),
      typingPlugin(),
      writingRules(() => this.undo.stopCapturing()),
      byPlace({ Digit0: editing(setKind('p')), Digit1: editing(setKind('h', 1)), Digit2: editing(setKind('h', 2)), Digit3: editing(setKind('h', 3)), KeyM: own(o.onComment) }),
      keymap({
        'Mod-z': back(() => this.undo.undo()), 'Mod-y': back(() => this.undo.redo()), 'Mod-Shift-z': back(() => this.undo.redo()),
        'Mod-b': editing(strong), 'Mod-i': editing(em), 'Mod-k': back(o.onLink),
        'Mod-Shift-7': editing(setKind('ol')), 'Mod-Shift-8': editing(setKind('ul')),
        'Mod-Shift-e': back(o.onSuggest), 'Mod-Shift-E': back(o.onSuggest),
        F8: own(() => o.onStep(1)), 'Shift-F8': own(() => o.onStep(-1)),
        Escape: own(() => { leaving = true; o.onEscape() }),
        Tab: tab(1), 'Shift-Tab': tab(-1),
        Enter: editing(enter), 'Shift-Enter': editing(enter),
        Backspace: editing(backspace), 'Mod-Backspace': editing(backspace), Delete: editing(del),
      }),
      keymap(baseKeymap),
      dropCursor({ color: 'var(--primary)' }),
      gapCursor(),
    ]
  }
}

/** byPlace binds Ctrl+Alt and a key by its place: with Alt many layouts, the Czech one among them, give other signs on
 * the digits. The right Alt (AltGraph) writes those signs and is left alone. */
const byPlace = (keys: Record<string, Command>) => new Plugin({
  props: {
    handleKeyDown(view, e) {
      if (!(e.ctrlKey || e.metaKey) || !e.altKey || e.shiftKey || e.getModifierState('AltGraph')) return false
      const c = Object.hasOwn(keys, e.code) ? keys[e.code] : undefined
      return c ? c(view.state, view.dispatch.bind(view), view) : false
    },
  },
})

/** flush makes the editor read what the browser already shows. The method is not in the published types of
 * prosemirror-view; the browser test of lost arrow keys fails when it goes away. */
export function flush(view: EditorView) { (view as unknown as { domObserver: { flush(): void } }).domObserver.flush() }
