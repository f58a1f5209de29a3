import { joinBackward } from 'prosemirror-commands'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { backspace, em, enter, indent, setKind, strong } from '../../src/editor/commands.ts'
import { refsOf } from '../../src/editor/flat.ts'
import { schema } from '../../src/editor/schema.ts'
import { addColumn, addRow, deleteColumn, deleteRow, freshIds, insertTable } from '../../src/editor/tables.ts'
import { B, type Dice, dice, Person, sync, write } from './people.ts'
import { Fragment } from 'prosemirror-model'

const pair = (...blocks: ReturnType<typeof B>[]) => { const u = write(...blocks).update(); return [new Person(10, u), new Person(11, u)] as const }
const equal = (a: Person, b: Person) => { expect(a.state.doc.toJSON()).toEqual(b.state.doc.toJSON()); expect(a.binding.agrees(a.state.doc)).toBe(true); expect(b.binding.agrees(b.state.doc)).toBe(true) }

test('a letter typed beside its equal comes in at the caret', () => {
  const p = write(B('ab b'))
  p.at(3)
  for (const c of ' b ') p.type(c)
  expect(p.lines()).toEqual(['ab b  b'])
  expect(p.state.selection.from).toBe(6)
  expect(p.binding.agrees(p.state.doc)).toBe(true)
})

test('bold text keeps its characters, so that nobody else becomes their author', () => {
  const p = write(B('schválit návrh'))
  const q = new Person(2, p.update())
  q.at(1, 9)
  q.run(strong)
  q.dispatch(q.state.tr.replaceWith(1, 9, schema.text('schválit', [schema.marks.em.create()])))
  const authors = new Set<number>()
  for (let i = q.text._start; i; i = i.right) if (!i.deleted && i.content instanceof Y.ContentString) authors.add(i.id.client)
  expect([...authors]).toEqual([1])
})

const commands: [string, (b: Person) => void][] = [
  ['Enter in it', b => { b.at(b.find('Druhý') + 3); b.run(enter) }],
  ['Backspace before it', b => { b.at(b.find('Druhý')); b.run(backspace) }],
  ['a heading', b => { b.at(b.find('Druhý')); b.run(setKind('h', 2)) }],
  ['a list', b => { b.at(b.find('Druhý')); b.run(setKind('ul')); b.run(indent(1)) }],
  ['bold', b => { b.at(b.find('Druhý'), b.find('Druhý') + 8); b.run(strong) }],
]
for (const [name, command] of commands) test(`text typed into a paragraph survives ${name} by somebody else, and so does an anchor behind it`, () => {
  for (const flip of [false, true]) {
    let [a, b] = pair(B('První odstavec.'), B('Druhý odstavec má kotvu tady.'), B('Třetí.'))
    if (flip) [a, b] = [b, a]
    const at = a.find('kotvu')
    const from = a.binding.relative(a.state.doc, at, 0)
    const to = a.binding.relative(a.state.doc, at + 5, -1)
    a.at(a.find('odstavec má'))
    a.type('«nový text» ')
    command(b)
    sync(a, b)
    equal(a, b)
    expect(a.lines().join('')).toContain('«nový text» ')
    for (const p of [a, b]) expect(p.state.doc.textBetween(p.binding.absolute(p.state.doc, from)!, p.binding.absolute(p.state.doc, to)!)).toBe('kotvu')
  }
})

test('the caret stays with its text when somebody splits or joins the paragraph before it', () => {
  const [a, b] = pair(B('jedna dvě tři'), B('čtyři'))
  a.at(a.find('tři') + 1)
  b.at(b.find('dvě'))
  b.run(enter)
  sync(a, b)
  expect(a.state.selection.from).toBe(a.find('tři') + 1)
  b.at(b.find('dvě'))
  b.run(backspace)
  sync(a, b)
  expect(a.state.selection.from).toBe(a.find('tři') + 1)
})

test('the caret at the end of a paragraph stays there when somebody splits it at that place', () => {
  const [a, b] = pair(B('jedna dvě'))
  a.at(a.find('dvě'))
  b.at(b.find('dvě'))
  b.run(enter)
  sync(a, b)
  expect(a.state.selection.$from.parent.textContent).toBe('jedna ')
})

test('bold chosen for the next letter survives an edit by somebody else', () => {
  const [a, b] = pair(B('text'))
  a.at(5)
  a.run(strong)
  b.at(1)
  b.type('x')
  sync(a, b)
  expect(a.state.storedMarks?.map(m => m.type.name)).toEqual(['strong'])
})

test('undo takes back what I wrote and leaves the text of the other', () => {
  const [a, b] = pair(B('základ'))
  const um = a.undo()
  a.at(7)
  a.type(' moje')
  sync(a, b)
  b.at(b.find('moje') + 2)
  b.type('CIZÍ')
  b.at(1)
  b.type('začátek ')
  sync(a, b)
  um.undo()
  expect(a.lines()).toEqual(['začátek základCIZÍ'])
  um.redo()
  expect(a.lines()[0]).toContain('CIZÍ')
  sync(a, b)
  equal(a, b)
})

test('unknown kinds, keys, attributes and embeds are shown plainly and never written or deleted', () => {
  const d = new Y.Doc()
  const t = d.getText('body')
  t.insert(0, 'před první značkou')
  const m = new Y.Map<unknown>()
  t.insertEmbed(t.length, m, {})
  m.set('kind', 'formula'); m.set('num', 7); m.set('cell', 'broken'); m.set('level', 'x')
  t.insert(t.length, 'text', { colour: 'red', link: 'no object', strong: true })
  t.insertEmbed(t.length, { image: 'x.png' }, {})
  t.insert(t.length, ' za', {})
  const before = JSON.stringify(t.toDelta().map((o: { insert: unknown; attributes?: unknown }) => [o.insert instanceof Y.Map ? o.insert.toJSON() : o.insert, o.attributes]))
  const p = new Person(5, Y.encodeStateAsUpdate(d))
  expect(p.lines()).toEqual(['před první značkou', 'text za'])
  const sv = Y.encodeStateVector(p.doc)
  expect(Y.encodeStateVector(p.doc)).toEqual(sv)
  expect(JSON.stringify(p.text.toDelta().map((o: { insert: unknown; attributes?: unknown }) => [o.insert instanceof Y.Map ? o.insert.toJSON() : o.insert, o.attributes]))).toBe(before)
  p.at(p.find('text') + 2)
  p.type('Q')
  p.at(p.find(' za'))
  p.run(enter)
  p.run(backspace)
  const marker = p.text.toDelta().find((o: { insert: unknown }) => o.insert instanceof Y.Map)!.insert as Y.Map<unknown>
  expect(marker.toJSON()).toEqual({ kind: 'formula', num: 7, cell: 'broken', level: 'x' })
  const ops = p.text.toDelta() as { insert: unknown; attributes?: Record<string, unknown> }[]
  expect(ops.some(o => (o.insert as { image?: string })?.image === 'x.png')).toBe(true)
  expect(ops.find(o => typeof o.insert === 'string' && o.insert.startsWith('te'))?.attributes?.colour).toBe('red')
  expect(p.binding.agrees(p.state.doc)).toBe(true)
})

test('emoji that share half a surrogate pair survive replacement and exchange', () => {
  const a = write(B('x😀y'), B('z'))
  a.dispatch(a.state.tr.insertText('😁', 2, 4))
  a.dispatch(a.state.tr.insertText('🇨🇿', 4))
  const b = new Person(2, a.update())
  expect(b.lines()).toEqual(['x😁🇨🇿y', 'z'])
  equal(a, b)
})

test('a copied table behind its original stays a table of its own', () => {
  const p = write(B('a'))
  p.at(1)
  p.run(insertTable(2, 2))
  const table = p.state.doc.child(1)
  p.dispatch(p.state.tr.insert(p.state.doc.child(0).nodeSize + table.nodeSize, freshIds(Fragment.from(table))))
  p.dispatch(p.state.tr.insert(p.state.doc.child(0).nodeSize, table))
  expect(p.state.doc.childCount).toBe(5)
  expect(p.binding.agrees(p.state.doc)).toBe(true)
  expect(new Person(9, p.update()).state.doc.eq(p.state.doc)).toBe(true)
})

// ---- fuzz: every typed character is unique, so loss and duplication can be counted

const moves = ['type', 'type', 'type', 'enter', 'join', 'heading', 'list', 'indent', 'bold', 'italic', 'table', 'row', 'column', 'quote', 'replaceSame'] as const
let next = 0x4e00
const fresh = () => (next % 7 === 0 ? String.fromCodePoint(0x1f300 + (next++ % 500) * 1) + String.fromCodePoint(0xe000 + (next++ % 6000)) : String.fromCodePoint(0x4e00 + (next++ - 0x4e00) % 20000))

function act(p: Person, r: Dice, typed: string[], deletions: boolean) {
  const refs = refsOf(p.state.doc)
  const b = refs[r.int(refs.length)]
  const at = () => { let i = r.int(b.node.content.size + 1); const s = b.node.textContent; if (i > 0 && i < s.length && s.charCodeAt(i) >= 0xdc00 && s.charCodeAt(i) < 0xe000) i--; return b.pos + 1 + i }
  const x = at()
  const y = at()
  p.at(Math.min(x, y), Math.max(x, y))
  const size = p.state.doc.nodeSize
  switch (moves[r.int(moves.length)]) {
    case 'type': { p.at(x); const s = fresh() + fresh(); typed.push(...s); p.type(s); break }
    case 'enter': p.at(x); p.run(enter); break
    case 'join': p.at(b.pos + 1); p.run(r.f() < 0.5 ? backspace : joinBackward); break
    case 'heading': p.run(setKind('h', 1 + r.int(3))); break
    case 'list': p.run(setKind(r.f() < 0.5 ? 'ul' : 'ol')); break
    case 'indent': p.run(indent(r.f() < 0.7 ? 1 : -1)); break
    case 'quote': p.run(setKind('quote')); break
    case 'bold': p.run(strong); break
    case 'italic': p.run(em); break
    case 'table': if (size < 3000 && r.f() < 0.3) p.run(insertTable(2, 2)); break
    case 'row': if (size < 3000) p.run(addRow); break
    case 'column': if (size < 3000) p.run(addColumn); break
    case 'replaceSame': { const { from, to } = p.state.selection; const t = p.state.doc.textBetween(from, to); if (t && p.state.selection.$from.sameParent(p.state.selection.$to)) p.dispatch(p.state.tr.insertText(t, from, to)); break }
  }
  if (!deletions) return
  const z = r.f()
  if (z < 0.06) p.run(deleteRow)
  else if (z < 0.12) p.run(deleteColumn)
  else if (z < 0.25 && !p.state.selection.empty) p.run(backspace)
  else if (z < 0.3) { const all = refsOf(p.state.doc); const c = all[r.int(all.length)]; const d = all[r.int(all.length)]; const [f, t] = c.pos < d.pos ? [c, d] : [d, c]; p.at(f.pos + 1, t.pos + 1); p.run(backspace) }
}

const deep = process.env.SPOLUPIS_DEEP ? 10 : 1

test('two people restructure one text at once: nothing typed is lost, nothing twice, both see the same', () => {
  let typedAll = 0
  for (let run = 0; run < 40 * deep; run++) {
    const r = dice(run)
    const old = 'abcdefghijklmnop'
    const u = write(B('abcd'), B('efgh', { kind: 'h', level: 1 }), B('ijkl', { kind: 'ul' }), B('mnop')).update()
    const a = new Person(100 + run * 2, u)
    const b = new Person(101 + run * 2, u)
    const typed: string[] = []
    for (let round = 0; round < 25; round++) {
      for (const p of [a, b]) for (let k = 0; k < 3; k++) act(p, r, typed, false)
      sync(a, b)
      equal(a, b)
    }
    typedAll += typed.length
    const text = [...a.lines().join('')]
    const count = new Map<string, number>()
    for (const c of text) count.set(c, (count.get(c) ?? 0) + 1)
    const lost = [...old, ...typed].filter(c => !count.has(c))
    const twice = [...new Set(typed)].filter(c => (count.get(c) ?? 0) > typed.filter(t => t === c).length)
    expect({ run, lost, twice }).toEqual({ run, lost: [], twice: [] })
    expect(text.length).toBe(old.length + typed.length)
  }
  expect(typedAll).toBeGreaterThan(2500)
})

test('two people write, delete, edit tables and undo: both see the same, and the view is what the text says', () => {
  for (let run = 0; run < 60 * deep; run++) {
    const r = dice(1000 + run)
    const u = write(B('abcd'), B('efgh', { kind: 'ol' }), B('ijkl')).update()
    const a = new Person(100 + run * 2, u)
    const b = new Person(101 + run * 2, u)
    const ums = [a.undo(), b.undo()]
    for (const um of ums) um.captureTimeout = 0
    for (let round = 0; round < 15; round++) {
      for (const [i, p] of [a, b].entries()) for (let k = 0; k < 3; k++) {
        if (r.f() < 0.15) ums[i].undo()
        else if (r.f() < 0.05) ums[i].redo()
        else act(p, r, [], true)
        p.state.doc.check()
        if (!p.binding.agrees(p.state.doc)) throw new Error(`run ${run} round ${round}: view and text differ`)
      }
      sync(a, b)
      equal(a, b)
    }
  }
})

test('Enter goes on with a list, ends it on an empty item, and writes plainly behind a heading', () => {
  const p = write(B('jedna', { kind: 'ol', level: 1, start: 3 }))
  p.at(6)
  p.run(enter)
  p.type('dvě')
  const attrs = () => refsOf(p.state.doc).map(r => [r.node.attrs.kind, r.node.attrs.level, r.node.attrs.start])
  expect(attrs()).toEqual([['ol', 1, 3], ['ol', 1, null]])
  p.run(enter)
  p.run(enter)
  expect(attrs()[2]).toEqual(['ol', 0, null])
  p.run(enter)
  expect(attrs()[2]).toEqual(['p', 0, null])
  p.run(setKind('h', 2))
  p.type('Nadpis')
  p.run(enter)
  expect(attrs()[3]).toEqual(['p', 0, null])
  expect(p.binding.agrees(p.state.doc)).toBe(true)
})

test('every place of the text has its position in the document and back, tables and implicit start included', () => {
  const d = new Y.Doc()
  d.getText('body').insert(0, 'implicitní')
  const p = new Person(3, Y.encodeStateAsUpdate(d))
  const implicit = () => { for (let i = 0; i <= p.text.length; i++) expect(p.binding.flatIndex(p.state.doc, p.binding.pmPos(p.state.doc, i))).toBe(i) }
  implicit()
  const q = write(B('ab'), B('', { kind: 'h', level: 1 }), B('cd'))
  q.at(2)
  q.run(insertTable(2, 2))
  q.type('x')
  for (const r of refsOf(q.state.doc)) for (let pos = r.pos + 1; pos <= r.pos + r.node.nodeSize - 1; pos++) expect(q.binding.pmPos(q.state.doc, q.binding.flatIndex(q.state.doc, pos))).toBe(pos)
  let flat = 0
  for (const r of refsOf(q.state.doc)) { expect(q.binding.flatIndex(q.state.doc, r.pos + 1)).toBe(flat + 1); flat += 1 + r.node.content.size }
  expect(flat).toBe(q.text.length)
})
