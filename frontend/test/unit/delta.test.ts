import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { type Delta, deltaOf } from '../../src/editor/delta.ts'
import { dice } from './people.ts'

/** Every character of a text with its marks, as Yjs tells them. */
const told = (t: Y.Text) => t.toDelta().flatMap((op: { insert: unknown; attributes?: object }) => [...(typeof op.insert === 'string' ? op.insert : '▯')].map(c => [c, op.attributes ?? {}]))

test('what a transaction did to a text, done to what was there, gives what is there', () => {
  for (let seed = 0; seed < (process.env.SPOLUPIS_DEEP ? 3000 : 100); seed++) {
    const { int: d } = dice(seed)
    const doc = new Y.Doc()
    const peer = new Y.Doc()
    doc.clientID = 1
    peer.clientID = 2
    const copy = new Y.Doc().getText('body')
    const text = doc.getText('body')
    const deltas: Delta[] = []
    text.observe(e => { deltas.push(ownMaps(deltaOf(e))) })
    const edit = (t: Y.Text, name: string) => {
      const at = d(t.length + 1)
      const some = Math.min(d(4) + 1, t.length - at)
      const marks = { [`${['ins', 'del', 'strong'][d(3)]}:${name}${d(3)}`]: d(3) ? { by: name } : null }
      if (d(3) === 0 && some > 0) t.delete(at, some)
      else if (d(2) && some > 0) t.format(at, some, marks)
      else if (d(4) === 0) t.insertEmbed(at, new Y.Map(), marks)
      else t.insert(at, 'abc'.slice(0, d(3) + 1), d(2) ? marks : {})
    }
    for (let round = 0; round < 12; round++) {
      doc.transact(() => { for (let n = d(4); n >= 0; n--) edit(text, 'a') })
      peer.transact(() => { for (let n = d(4); n >= 0; n--) edit(peer.getText('body'), 'b') })
      if (d(2)) { Y.applyUpdate(doc, Y.encodeStateAsUpdate(peer)); Y.applyUpdate(peer, Y.encodeStateAsUpdate(doc)) }
      for (const delta of deltas.splice(0)) copy.applyDelta(delta, { sanitize: false })
      expect(told(copy), `seed ${seed}, round ${round}`).toEqual(told(text))
    }
  }
})

/** Embedded maps belong to one document; a copy gets maps of its own. */
function ownMaps(delta: Delta): Delta {
  return delta.map(op => (op.insert instanceof Y.Map ? { ...op, insert: new Y.Map() } : op))
}

test('a mark that went is named where it was, and nowhere behind', () => {
  const doc = new Y.Doc()
  const text = doc.getText('body')
  text.insert(0, 'jedna dvě tři čtyři')
  for (const [i, at] of [0, 6, 10].entries()) text.format(at, 3, { [`ins:${i}`]: { by: 'a' } })
  const got: Delta[] = []
  text.observe(e => { got.push(deltaOf(e)) })
  doc.transact(() => { for (const [i, at] of [0, 6, 10].entries()) text.format(at, 3, { [`ins:${i}`]: null }) })
  expect(got).toEqual([[{ retain: 3, attributes: { 'ins:0': null } }, { retain: 3 }, { retain: 3, attributes: { 'ins:1': null } }, { retain: 1 }, { retain: 3, attributes: { 'ins:2': null } }]])
})
