import { expect, test } from 'vitest'
import { apart, type Peer } from '../../src/editor/carets.ts'

const peer = (id: string, color: string, client = 1): Peer => ({ client, id, name: id, color, cursor: null })

test('two people who were dealt one colour are told apart, and one person in two windows keeps one', () => {
  const out = apart([peer('p-b', '#1d5b8f'), peer('p-a', '#1d5b8f'), peer('p-a', '#1d5b8f', 2), peer('p-c', '#9d2235')])
  const color = (id: string) => new Set(out.filter(p => p.id === id).map(p => p.color))
  expect([...color('p-a')]).toEqual(['#1d5b8f'])
  expect(new Set(out.map(p => p.color)).size).toBe(3)
  expect(color('p-b').size).toBe(1)
})

test('with more people than colours everybody still has one', () => {
  const out = apart(Array.from({ length: 40 }, (_, i) => peer(`p-${i}`, '#1d5b8f')))
  expect(out.every(p => /^#[0-9a-f]{6}$/.test(p.color))).toBe(true)
})
