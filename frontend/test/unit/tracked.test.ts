import { Slice } from 'prosemirror-model'
import { expect, test } from 'vitest'
import { backspace, del, enter, setKind, strong } from '../../src/editor/commands.ts'
import { refsOf } from '../../src/editor/flat.ts'
import { schema } from '../../src/editor/schema.ts'
import { addColumn, addRow, deleteRow, insertTable } from '../../src/editor/tables.ts'
import { entriesOf, keyOf } from '../../src/tracked/change.ts'
import { everything } from '../../src/tracked/decide.ts'
import { B, sync, write } from './people.ts'
import { Suggester } from './suggesters.ts'

const open = (...blocks: ReturnType<typeof B>[]) => new Suggester(10, write(...blocks).update())
const original = (...blocks: ReturnType<typeof B>[]) => schema.nodes.doc.create(null, blocks)
const sound = (p: Suggester) => { p.state.doc.check(); expect(p.binding.agrees(p.state.doc)).toBe(true) }

test('typing puts text in, deleting strikes it out, and what one has put in oneself goes away', () => {
  const p = open(B('Rada schvaluje návrh.'))
  p.at(p.find('návrh'))
  p.type('tento ')
  expect(p.shown()).toBe('¶ Rada schvaluje {+tento +}návrh.')
  p.at(p.find('schvaluje'), p.find('schvaluje') + 9)
  p.run(backspace)
  expect(p.shown()).toBe('¶ Rada {-schvaluje-} {+tento +}návrh.')
  p.at(p.find('tento') + 4)
  p.dispatch(p.state.tr.delete(p.state.selection.from - 1, p.state.selection.from))
  expect(p.shown()).toBe('¶ Rada {-schvaluje-} {+teno +}návrh.')
  expect(p.all(false).toJSON()).toEqual(original(B('Rada schvaluje návrh.')).toJSON())
  expect(p.all(true).textContent).toBe('Rada  teno návrh.')
  sound(p)
})

test('typed over a selection, the old text is struck out and the new stands behind it, as one change', () => {
  const p = open(B('ve výši 4 250 000 Kč'))
  p.at(p.find('4'), p.find('4') + 9)
  for (const c of '5 mil.') p.type(c)
  expect(p.shown()).toBe('¶ ve výši {-4 250 000-}{+5 mil.+} Kč')
  const [e, ...more] = entriesOf(p.state.doc)
  expect(more).toEqual([])
  expect(e.parts.map(x => [x.how, x.text])).toEqual([['del', '4 250 000'], ['ins', '5 mil.']])
  expect(e.by).toBe('p-10')
  sound(p)
})

test('Backspace goes on in front of what it has struck out, Delete behind it', () => {
  const p = open(B('abcdef'))
  p.at(4)
  for (let i = 0; i < 2; i++) { const { from } = p.state.selection; p.dispatch(p.state.tr.delete(from - 1, from)) }
  expect(p.shown()).toBe('¶ a{-bc-}def')
  expect(p.state.selection.from).toBe(2)
  p.at(4)
  for (let i = 0; i < 2; i++) { const { from } = p.state.selection; p.dispatch(p.state.tr.delete(from, from + 1)) }
  expect(p.shown()).toBe('¶ a{-bcde-}f')
  expect(p.state.selection.from).toBe(6)
  const { from } = p.state.selection
  p.dispatch(p.state.tr.delete(from - 1, from)) // struck out already: the caret only goes over it
  expect(p.shown()).toBe('¶ a{-bcde-}f')
  expect(p.state.selection.from).toBe(5)
  expect(entriesOf(p.state.doc).length).toBe(1)
  sound(p)
})

test('Enter puts a paragraph mark in, Backspace at the start strikes one out, and back again', () => {
  const p = open(B('první druhá', { kind: 'h', level: 1 }), B('třetí'))
  p.at(p.find('druhá'))
  p.run(enter)
  expect(p.shown()).toBe('¶h první +¶h druhá¶ třetí')
  p.run(backspace)
  p.run(backspace)
  p.at(p.find('druhá'))
  p.run(backspace)
  expect(p.all(true).textContent).toContain('první druhá')
  p.at(p.find('třetí'))
  p.run(backspace)
  expect(p.shown()).toContain('-¶ třetí')
  expect(p.all(true).lastChild!.textContent).toContain('třetí')
  expect(p.all(false).toJSON()).toEqual(original(B('první druhá', { kind: 'h', level: 1 }), B('třetí')).toJSON())
  // Enter where the mark was struck out writes in the heading, as it will be.
  p.at(p.find('třetí') + 2)
  p.run(enter)
  expect(refsOf(p.state.doc).at(-1)!.node.attrs.kind).toBe('h')
  sound(p)
})

test("another's insertion is not taken away but struck out, and each of the two can be decided on", () => {
  const a = open(B('text'))
  const b = new Suggester(11, a.update())
  a.at(5)
  a.type(' navíc')
  sync(a, b)
  b.at(b.find('navíc'), b.find('navíc') + 5)
  b.run(backspace)
  expect(b.shown()).toBe('¶ text{+ +}{-{+navíc+}-}')
  const [ins, gone] = entriesOf(b.state.doc)
  expect([ins.by, gone.by]).toEqual(['p-10', 'p-11'])
  b.binding.decide(c => keyOf(c) === ins.key, true)
  expect(b.shown()).toBe('¶ text {-navíc-}')
  b.binding.decide(c => keyOf(c) === gone.key, false)
  expect(b.shown()).toBe('¶ text navíc')
  sound(b)
})

test('a style and bold are proposed as such, and rejecting brings the old looks back', () => {
  const p = open(B('Úvodem', { kind: 'ul' }), B('dvě slova'))
  p.at(2)
  p.run(setKind('h', 2))
  p.at(p.find('slova'), p.find('slova') + 5)
  p.run(strong)
  expect(p.shown()).toBe('¶h(ul) Úvodem¶ dvě {~*slova*~}')
  expect(p.all(true).toJSON()).toEqual(original(B('Úvodem', { kind: 'h', level: 2 }), schema.nodes.block.create(null, [schema.text('dvě '), schema.text('slova', [schema.marks.strong.create()])])).toJSON())
  expect(p.all(false).toJSON()).toEqual(original(B('Úvodem', { kind: 'ul' }), B('dvě slova')).toJSON())
  p.run(strong)
  p.at(2)
  p.run(setKind('ul'))
  expect(p.shown()).toBe('¶ul Úvodem¶ dvě slova')
  expect(entriesOf(p.state.doc)).toEqual([])
  sound(p)
})

test('two people who propose bold for one word do not make it two words', () => {
  const a = open(B('jedno slovo'))
  const b = new Suggester(11, a.update())
  for (const p of [a, b]) { p.at(7, 12); p.run(strong) }
  sync(a, b)
  expect(a.all(true).textContent).toBe('jedno slovo')
  expect(a.all(false).toJSON()).toEqual(original(B('jedno slovo')).toJSON())
})

test('rows and columns come and go as one change each', () => {
  const p = open(B('před'), B('za'))
  p.at(2)
  p.run(insertTable(2, 2))
  expect(entriesOf(p.state.doc).length).toBe(1)
  p.binding.decide(everything, true)
  expect(entriesOf(p.state.doc)).toEqual([])
  const cells = () => refsOf(p.state.doc).filter(r => r.cell)
  p.at(cells()[0].pos + 1)
  p.run(addRow)
  p.at(cells()[0].pos + 1)
  p.run(addColumn)
  p.at(cells().at(-1)!.pos + 1)
  const before = p.all(false).toJSON()
  p.run(deleteRow)
  expect(entriesOf(p.state.doc).length).toBe(3)
  sound(p)
  expect(p.all(false).toJSON()).toEqual(before)
  const table = p.all(true).child(1)
  expect([table.childCount, table.child(0).childCount]).toEqual([2, 3])
})

test('undo and redo take tracked changes back and do them again, decisions too', () => {
  const p = open(B('Rada schvaluje návrh.'))
  const um = p.undo()
  um.captureTimeout = 0
  const steps: (() => void)[] = [
    () => { p.at(p.find('návrh')); p.type('tento ') },
    () => { p.at(p.find('schvaluje'), p.find('schvaluje') + 9); p.run(backspace) },
    () => { p.at(p.find('návrh')); p.run(enter) },
    () => { p.at(p.find('návrh')); p.run(setKind('h', 1)) },
    () => { p.binding.decide(everything, true) },
  ]
  const seen = [p.shown()]
  for (const s of steps) { s(); seen.push(p.shown()) }
  for (let i = steps.length - 1; i >= 0; i--) { um.undo(); expect(p.shown()).toBe(seen[i]) }
  for (let i = 1; i <= steps.length; i++) { um.redo(); expect(p.shown()).toBe(seen[i]) }
  sound(p)
})

test('pasted paragraphs are a proposal, and none of their own tracked changes comes along', () => {
  const p = open(B('začátek konec'))
  p.at(p.find('konec'))
  p.dispatch(p.state.tr.replaceSelection(new Slice(original(B('jedna'), B('dvě'), B('tři')).content, 1, 1)))
  expect(p.shown()).toBe('¶ začátek {+jedna+}+¶ {+dvě+}+¶ {+tři+}konec')
  expect(p.all(false).toJSON()).toEqual(original(B('začátek konec')).toJSON())
  sound(p)
})

test('an insertion that goes as a whole while another person writes in it leaves nothing behind that covers the rest', () => {
  for (const direct of [false, true]) {
    const a = open(B('první'), B('druhý'))
    a.at(4)
    a.type('VLOŽENO')
    const b = new Suggester(11, a.update())
    b.on = !direct
    b.at(b.find('ŽENO'))
    b.type('uvnitř')
    a.at(a.find('VLOŽENO'), a.find('VLOŽENO') + 7)
    a.run(backspace)
    sync(a, b)
    expect(a.shown()).toBe(direct ? '¶ prvuvnitřní¶ druhý' : '¶ prv{+uvnitř+}ní¶ druhý')
    expect(b.shown()).toBe(a.shown())
    sound(a)
    sound(b)
  }
})

test('what is written into a passage while somebody strikes it out is not struck out with it', () => {
  const a = open(B('jedna dvě tři'))
  const b = new Suggester(11, a.update())
  a.at(1, 14)
  a.run(backspace)
  b.at(b.find('dvě'))
  b.type('nové ')
  sync(a, b)
  expect(a.shown()).toBe('¶ {-jedna -}{+nové +}{-dvě tři-}')
  const [gone, ins] = entriesOf(a.state.doc)
  a.binding.decide(c => keyOf(c) === ins.key, true)
  expect(a.shown()).toBe('¶ {-jedna -}nové {-dvě tři-}')
  a.binding.decide(c => keyOf(c) === gone.key, true)
  expect(a.shown()).toBe('¶ nové')
  sound(a)
})

test('decisions of two people at once never double or break anything', () => {
  for (const [x, y] of [[true, true], [true, false], [false, true], [false, false]] as const) {
    const a = open(B('jedna dvě'), B('tři'))
    a.at(a.find('dvě'), a.find('dvě') + 3)
    a.type('DVĚ')
    a.at(a.find('tři'))
    a.run(backspace)
    const b = new Suggester(11, a.update())
    a.binding.decide(everything, x)
    b.binding.decide(everything, y)
    sync(a, b)
    expect(a.shown()).toBe(b.shown())
    expect(entriesOf(a.state.doc)).toEqual([])
    if (x === y) expect(a.state.doc.toJSON()).toEqual((x ? original(B('jedna DVĚtři')) : original(B('jedna dvě'), B('tři'))).toJSON())
    else expect(a.state.doc.textContent.match(/dvě/gi)?.length ?? 0).toBeLessThanOrEqual(1)
    sound(a)
    sound(b)
  }
})

test('text before the first marker can be written in, and struck out', () => {
  const p = new Suggester(10)
  p.doc.getText('body').insert(0, 'bez značky')
  const q = new Suggester(11, p.update())
  q.at(q.find('značky'))
  q.type('první ')
  q.at(1, 4)
  q.run(del)
  expect(q.shown()).toBe('¶ {-bez-} {+první +}značky')
  expect(q.all(false).textContent).toBe('bez značky')
  sound(q)
})
