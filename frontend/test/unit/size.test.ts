import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { insertTable } from '../../src/editor/tables.ts'
import { B, Person } from './people.ts'

// A generous bound for a busy machine; on an idle one a key takes well under 1 ms at 100 pages.
test('a key in the middle of 300 pages costs little, and so does one that comes from somebody else', () => {
  const p = new Person(1)
  const words = 'Rada kraje po projednání schvaluje poskytnutí dotace z rozpočtu kraje. '
  p.dispatch(p.state.tr.replaceWith(0, p.state.doc.content.size, Array.from({ length: 5000 }, (_, i) => B(words.repeat(2), i % 20 ? {} : { kind: 'h', level: 2 }))))
  for (let i = 0; i < 20; i++) { p.at(i * 3000 + 10); p.run(insertTable(4, 4)) }
  const q = new Person(2, p.update())
  const time = (who: Person, other: Person) => {
    const ms: number[] = []
    const far: number[] = []
    for (let i = 0; i < 40; i++) {
      const sv = Y.encodeStateVector(other.doc)
      const t0 = performance.now()
      who.at(who.find('schvaluje') + 300_000)
      who.type('x')
      ms.push(performance.now() - t0)
      const u = Y.encodeStateAsUpdate(who.doc, sv)
      const t1 = performance.now()
      Y.applyUpdate(other.doc, u)
      far.push(performance.now() - t1)
    }
    const mid = (a: number[]) => a.sort((x, y) => x - y)[a.length >> 1]
    return [mid(ms), mid(far)]
  }
  const [key, remote] = time(q, p)
  console.log(`300 pages: key ${key.toFixed(2)} ms, remote key ${remote.toFixed(2)} ms`)
  expect(key).toBeLessThan(20)
  expect(remote).toBeLessThan(60)
  expect(p.state.doc.eq(q.state.doc)).toBe(true)
})
