import { TextSelection } from 'prosemirror-state'
import type { EditorView } from 'prosemirror-view'
import { expect, test } from 'vitest'
import { cellsCleared, linkAt, setLink, typingPlugin } from '../../src/editor/commands.ts'
import { refsOf } from '../../src/editor/flat.ts'
import { safeHref, schema } from '../../src/editor/schema.ts'
import { insertTable } from '../../src/editor/tables.ts'
import { B, type Person, write } from './people.ts'

/** What the browser does with a letter: the plugin may take it, else it goes in with the marks of its place. */
function key(p: Person, letter: string) {
  const { from, to } = p.state.selection
  const view = { get state() { return p.state }, dispatch: p.dispatch.bind(p) } as unknown as EditorView
  if (!typingPlugin().props.handleTextInput!.call(typingPlugin(), view, from, to, letter, () => p.state.tr)) p.type(letter)
}

test('what is typed inside a tracked change of somebody else does not become part of it', () => {
  for (const name of ['ins', 'del'] as const) {
    const p = write(B(''))
    const mark = schema.marks[name].create({ id: 'c1', by: 'p-x', at: 1 })
    p.dispatch(p.state.tr.replaceWith(1, 1, [schema.text('cizí', [mark, schema.marks.strong.create()])]))
    p.at(3)
    key(p, 'X')
    expect(p.text.toDelta().slice(1).map((o: { insert: string; attributes?: object }) => [o.insert, Object.keys(o.attributes ?? {}).sort()])).toEqual([['ci', [name, 'strong'].sort()], ['X', ['strong']], ['zí', [name, 'strong'].sort()]])
    expect(p.state.selection.from).toBe(4)
  }
})

test('text typed on a line across the page makes it a paragraph', () => {
  const p = write(B('', { kind: 'hr' }))
  p.at(1)
  key(p, 'a')
  expect(refsOf(p.state.doc)[0].node.attrs.kind).toBe('p')
  expect(p.binding.agrees(p.state.doc)).toBe(true)
})

test('typing over a selection that reaches over cells leaves the cells standing', () => {
  const p = write(B('před'))
  p.at(5)
  p.run(insertTable(2, 2))
  const cells = refsOf(p.state.doc).filter(r => r.cell)
  for (const c of [...cells].reverse()) p.dispatch(p.state.tr.insertText('abc', c.pos + 1))
  const now = refsOf(p.state.doc).filter(r => r.cell)
  p.dispatch(p.state.tr.setSelection(TextSelection.create(p.state.doc, now[0].pos + 2, now[2].pos + 3)))
  expect(cellsCleared(p.state)).not.toBe(null)
  key(p, 'Z')
  expect(refsOf(p.state.doc).filter(r => r.cell).map(r => r.node.textContent)).toEqual(['aZ', '', 'c', 'abc'])
  expect(p.binding.agrees(p.state.doc)).toBe(true)
})

test('a link is set, found around the caret, changed and taken away', () => {
  const p = write(B('viz zákon č. 1'))
  p.at(5, 10)
  p.run(setLink('www.zakonyprolidi.cz/cs/1'))
  p.at(7)
  expect(linkAt(p.state)).toEqual({ from: 5, to: 10, href: 'https://www.zakonyprolidi.cz/cs/1' })
  p.run(setLink('mailto:a@b.cz'))
  expect(linkAt(p.state)?.href).toBe('mailto:a@b.cz')
  p.run(setLink(''))
  expect(linkAt(p.state)).toBe(null)
  expect(p.run(setLink('javascript:alert(1)'))).toBe(false)
})

test('addresses that run something are no links, whoever sends them', () => {
  for (const bad of ['javascript:alert(1)', ' JAVASCRIPT:x', 'data:text/html,x', 'vbscript:x', 7, null]) expect(safeHref(bad)).toBe(null)
  for (const good of ['https://a.cz', 'mailto:a@b.cz', '/documents/1', '#z']) expect(safeHref(good)).toBe(good)
})
