import { expect, test } from 'vitest'
import { insertTable } from '../../src/editor/tables.ts'
import { B, write } from './people.ts'
import { Suggester } from './suggesters.ts'
import { entriesOf } from '../../src/tracked/change.ts'

// A generous bound for a busy machine; the numbers are printed.
test('a key costs little more as a proposal than directly, in the middle of 100 pages with 300 tracked changes', () => {
  const words = 'Rada kraje po projednání schvaluje poskytnutí dotace z rozpočtu kraje. '
  const p = new Suggester(10, write(...Array.from({ length: 1740 }, (_, i) => B(words.repeat(2), i % 20 ? {} : { kind: 'h', level: 2 }))).update())
  p.on = false
  for (let i = 0; i < 20; i++) { p.at(i * 3000 + 10); p.run(insertTable(4, 4)) }
  const measure = (on: boolean) => {
    p.on = on
    const at = p.find('schvaluje') + 120_000 + (on ? 1000 : 0)
    p.at(at)
    const ms: number[] = []
    for (let i = 0; i < 60; i++) {
      const t0 = performance.now()
      p.type('x')
      ms.push(performance.now() - t0)
    }
    return ms.sort((a, b) => a - b)[30]
  }
  const direct = measure(false)
  const proposed = measure(true)
  for (let i = 0; i < 300; i++) { p.at(2000 + i * 700); p.now += 3_600_000; p.type('nové') }
  const many = measure(true)
  const t0 = performance.now()
  const n = entriesOf(p.state.doc).length
  const list = performance.now() - t0
  console.log(`100 pages: key directly ${direct.toFixed(2)} ms, as a proposal ${proposed.toFixed(2)} ms, with ${n} changes ${many.toFixed(2)} ms; list of changes ${list.toFixed(2)} ms`)
  expect(n).toBeGreaterThan(250)
  expect(many).toBeLessThan(40)
  expect(p.binding.agrees(p.state.doc)).toBe(true)
})
