import type { Mark } from 'prosemirror-model'
import type { MarkViewConstructor } from 'prosemirror-view'
import { type Change, changeOf, type How } from './change.ts'

/** changeMarks draws tracked changes as ins and del with who and when in the title; the list of changes says the same in words. */
export function changeMarks(describe: (how: How, change: Change) => string): Record<How, MarkViewConstructor> {
  const draw = (how: How): MarkViewConstructor => (mark: Mark) => {
    const dom = document.createElement(mark.attrs.idle || how === 'was' ? 'span' : how)
    if (mark.attrs.idle) return { dom, contentDOM: dom }
    if (how === 'was') dom.className = 'was'
    dom.dataset.change = how
    const change = changeOf(mark.attrs)!
    // Names may come later than the text.
    dom.addEventListener('mouseenter', () => { dom.title = describe(how, change) })
    return { dom, contentDOM: dom, ignoreMutation: m => m.type === 'attributes' }
  }
  return { ins: draw('ins'), del: draw('del'), was: draw('was') }
}
