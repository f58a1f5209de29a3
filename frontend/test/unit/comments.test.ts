import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { parseComment } from '../../src/comments/comment.ts'
import { Comments } from '../../src/comments/store.ts'
import { enter, setKind } from '../../src/editor/commands.ts'
import { unsavedText } from '../../src/editor/unsaved.ts'
import { B, Person, sync, write } from './people.ts'

const raw = (id: string, over: Record<string, unknown> = {}) => ({ id, number: 1, kind: 'major', state: 'open', author: { id: 'p-a', name: 'A' }, at: '2026-11-23T20:00:00Z', anchor: null, quote: '', text: 't', proposed: null, replies: [], settlement: null, ...over })
const shown = (p: Person, c: Comments, id: string) => { const at = c.place(id); return at && p.state.doc.textBetween(p.binding.pmPos(p.state.doc, at.from), p.binding.pmPos(p.state.doc, at.to)) }

function commented() {
  const p = write(B('První odstavec.'), B('Částka v celkové výši 4 250 000 Kč je dostatečná.'), B('Poslední.'))
  const q = new Person(2, p.update())
  const c = new Comments(p.binding, 'p-me', () => {})
  const at = p.find('4 250 000')
  p.at(at, at + 12)
  const anchor = c.anchorOf(p.state)!
  c.load([raw('k', { anchor: anchor.anchor, quote: anchor.quote, block: anchor.block })])
  return { p, q, c, anchor }
}

test('a comment follows its passage through typing at both edges, splits, styles and edits by others', () => {
  const { p, q, c } = commented()
  expect(shown(p, c, 'k')).toBe('4 250 000 Kč')
  p.at(p.find('4 250'))
  p.type('asi ')
  p.at(p.find(' je dost'))
  p.type(' přesně')
  q.at(q.find('v celkové'))
  q.run(enter)
  q.run(setKind('h', 1))
  q.at(q.find('250'))
  q.type('~')
  sync(p, q)
  expect(shown(p, c, 'k')).toBe('4 ~250 000 Kč')
  c.locate()
  expect(shown(p, c, 'k')).toBe('4 ~250 000 Kč')
})

test('without its anchor a comment is found by a quote that occurs once, never by one of two', () => {
  const { p, c } = commented()
  c.load([raw('one', { quote: 'První odst' }), raw('short', { quote: 'Posl' })])
  expect(c.place('one')?.how).toBe('quote')
  expect(c.place('short')).toBe(undefined)
  p.at(p.find('Poslední'))
  p.type('První odstavec. ')
  c.locate()
  expect(c.place('one')).toBe(undefined)
})

test('when the passage is gone the paragraph is still known, and then the comment is an orphan', () => {
  const { p, c, anchor } = commented()
  const at = p.find('4 250')
  p.dispatch(p.state.tr.delete(at, at + 12))
  c.locate()
  expect(c.place('k')?.how).toBe('block')
  expect(anchor.block).toMatch(/^\d+:\d+$/)
  const b = p.find('Částka')
  p.dispatch(p.state.tr.delete(b - 2, b - 1 + p.state.doc.child(1).nodeSize - 2))
  c.locate()
  expect(c.place('k')).toBe(undefined)
})

test('comments are listed in the order of the text, whole-document ones first and orphans last', () => {
  const { p, c, anchor } = commented()
  p.at(p.find('Poslední'), p.find('Poslední') + 8)
  const late = c.anchorOf(p.state)!
  c.load([raw('orphan', { quote: 'tohle nikde není', number: 1 }), raw('late', { anchor: late.anchor, quote: late.quote, number: 2 }), raw('early', { anchor: anchor.anchor, quote: anchor.quote, number: 3 }), raw('whole', { number: 4 })])
  expect(c.shown.value.map(x => x.id)).toEqual(['whole', 'early', 'late', 'orphan'])
  c.active.value = 'early'
  expect(c.neighbour(1)?.id).toBe('late')
  expect(c.neighbour(-1)?.id).toBe('whole')
  c.put(raw('late', { state: 'settled', anchor: late.anchor, quote: late.quote, settlement: { outcome: 'accepted', reasoning: '', by: { id: 'x', name: 'X' }, at: '' } }))
  expect(c.shown.value.map(x => x.id)).toEqual(['whole', 'early', 'orphan'])
})

test('what is no comment is refused; who wrote it is told by the author', () => {
  expect(parseComment({ text: 'x' }, 'p-me')).toBe(null)
  expect(parseComment(raw('k', { author: { id: 'p-me', name: 'Já' }, mine: false }), 'p-me')?.mine).toBe(true)
  expect(parseComment(raw('k', { author: { id: 'p-x', name: 'On' }, mine: true }), 'p-me')?.mine).toBe(false)
  expect(parseComment(raw('k', { kind: 'nonsense', state: 7, proposed: 5 }), '')).toMatchObject({ kind: 'advisory', state: 'open', proposed: null })
})

test('text that was never confirmed is offered by whole paragraphs', () => {
  const p = write(B('první'), B('druhý'))
  const q = new Person(7, p.update())
  q.at(q.find('druhý') + 3)
  q.type('XX')
  const acked = Y.getState(q.doc.store, 7)
  expect(unsavedText(q.text, c => (c === 7 ? acked : null))).toBe('')
  q.at(q.find('první'))
  q.type('nové ')
  expect(unsavedText(q.text, c => (c === 7 ? acked : null))).toBe('nové první')
  expect(unsavedText(q.text, c => (c === 7 ? 0 : null))).toBe('nové první\ndruXXhý')
})
