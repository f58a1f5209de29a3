import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import WS from 'ws'
import * as Y from 'yjs'
import { LOCAL } from '../../src/editor/binding.ts'
import { Connection, Refused } from '../../src/net/connection.ts'
import { Gate } from '../../src/net/gate.ts'
import { decode, encodeAwareness, type Hello } from '../../src/net/wire.ts'
import { seed, type Server, start } from '../server/server.mjs'

let server: Server
const open: { c: Connection; doc: Y.Doc }[] = []
beforeEach(async () => { server = await start({ fill: d => seed(d, [{ text: 'základ' }]) }) })
afterEach(async () => { for (const { c, doc } of open.splice(0)) { c.destroy(); doc.destroy() } await server.stop() })

const until = (what: () => boolean) => vi.waitFor(() => { if (!what()) throw new Error('not yet') }, { timeout: 5000, interval: 5 })

async function join(who = 'jana', more: { now?: () => number } = {}) {
  const doc = new Y.Doc()
  const hellos: Hello[] = []
  const events: unknown[] = []
  const c = new Connection({ url: `ws://${server.address}/collab/d1?as=${who}`, doc, mine: o => o === LOCAL, onHello: h => hellos.push(h), onEvent: e => events.push(e), WebSocket: WS as unknown as typeof WebSocket, random: () => 0, ...more })
  open.push({ c, doc })
  await until(() => c.status.value.loaded)
  return { doc, c, hellos, events, text: doc.getText('body'), write: (s: string) => doc.transact(() => doc.getText('body').insert(doc.getText('body').length, s), LOCAL) }
}

test('an edit is waiting until the server says that it is durable', async () => {
  const a = await join()
  server.room('d1').holdAcks = true
  a.write('X')
  expect(a.c.status.value.waiting).toBe(1)
  await until(() => server.room('d1').text.toString().endsWith('X'))
  expect(a.c.status.value.savedAt).toBe(null)
  server.room('d1').holdAcks = false
  a.write('Y')
  await until(() => a.c.status.value.waiting === 0)
  expect(a.c.status.value.savedAt).not.toBe(null)
})

test('what was written while the line was down arrives once, under the same client id', async () => {
  const a = await join()
  const b = await join('petr')
  server.room('d1').holdAcks = true
  a.write('1')
  await until(() => server.room('d1').text.toString().endsWith('1'))
  server.refuse(true)
  server.drop()
  await until(() => a.c.status.value.link === 'lost')
  a.write('2')
  a.write('3')
  expect(a.c.status.value.waiting).toBe(3)
  server.room('d1').holdAcks = false
  server.refuse(false)
  await until(() => a.c.status.value.link === 'open' && a.c.status.value.waiting === 0)
  await until(() => b.text.toString() === 'základ123')
  expect(server.room('d1').text.toString()).toBe('základ123')
  expect(new Set(a.hellos.map(h => h.client)).size).toBe(1)
})

test('edits made between the hello and the sync go out behind the earlier ones, never before', async () => {
  const a = await join()
  for (let i = 0; i < 5; i++) {
    server.drop()
    await until(() => a.c.status.value.link === 'lost')
    a.write('a')
    await until(() => a.c.status.value.link === 'open')
    a.write('b')
  }
  await until(() => a.c.status.value.waiting === 0)
  expect(server.room('d1').text.toString()).toBe(`základ${'ab'.repeat(5)}`)
})

for (const code of [4401, 4403, 4409, 4413, 4422]) test(`close code ${code} ends the connection and keeps count of what was not saved`, async () => {
  const a = await join()
  server.room('d1').holdAcks = true
  a.write('neuložené')
  server.close(code)
  await until(() => a.c.status.value.link === 'ended')
  expect(a.c.status.value.end?.code).toBe(code)
  expect(a.c.status.value.waiting).toBe(1)
  await expect(a.c.command('comment.add', {})).rejects.toBeInstanceOf(Refused)
})

for (const code of [4500, 4508]) test(`after close code ${code} the connection comes back by itself`, async () => {
  const a = await join()
  server.close(code)
  await until(() => a.hellos.length === 2)
})

test('a command waits for the connection and is answered once', async () => {
  const a = await join('klara')
  server.refuse(true)
  server.drop()
  await until(() => a.c.status.value.link === 'lost')
  const answer = a.c.command('comment.add', { kind: 'major', anchor: null, text: 'Proč?' })
  server.refuse(false)
  expect(await answer).toMatchObject({ text: 'Proč?', number: 1 })
  server.drop()
  await until(() => a.hellos.length === 3)
  expect(server.room('d1').comments).toHaveLength(1)
  expect(a.events).toContainEqual(expect.objectContaining({ type: 'comment' }))
})

test('edits that came too late for a freeze go out when the text is open again', async () => {
  const a = await join()
  server.room('d1').holdAcks = true
  server.refuse(true)
  server.drop()
  await until(() => a.c.status.value.link === 'lost')
  a.write('pozdě')
  server.room('d1').frozen = true
  server.refuse(false)
  await until(() => a.hellos.length === 2)
  expect(a.hellos[1].frozen).toBe(true)
  const answer = a.c.command('comment.add', { kind: 'formal', anchor: null, text: 'i tak' })
  expect(await answer).toMatchObject({ text: 'i tak' })
  expect(a.c.status.value.waiting).toBe(1)
  server.room('d1').frozen = false
  server.room('d1').holdAcks = false
  server.drop()
  await until(() => a.c.status.value.waiting === 0 && a.c.status.value.link === 'open')
  expect(server.room('d1').text.toString()).toBe('základpozdě')
})

test('a refused command tells why in the words of the server', async () => {
  const a = await join('tomas')
  await expect(a.c.command('comment.add', { kind: 'major', anchor: null, text: 'x' })).rejects.toThrow('K připomínkování nemáte oprávnění.')
})

test('a reader sends nothing, though a format of others gets tidied in his copy', async () => {
  const t = await join('tomas')
  const a = await join('jana')
  a.doc.transact(() => a.text.format(1, 4, { strong: true }), LOCAL)
  a.doc.transact(() => a.text.format(1, 4, { strong: null }), LOCAL)
  a.doc.transact(() => a.text.format(1, 4, { strong: true }), LOCAL)
  await until(() => JSON.stringify(t.text.toDelta()) === JSON.stringify(a.text.toDelta()))
  expect(t.c.status.value).toMatchObject({ link: 'open', waiting: 0 })
})

test('nothing confirmed for 20 s is told, and untold with the next confirmation', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'Date'] })
  try {
    const a = await join()
    server.room('d1').holdAcks = true
    a.write('x')
    await vi.advanceTimersByTimeAsync(19_000)
    expect(a.c.status.value.stuck).toBe(false)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(a.c.status.value.stuck).toBe(true)
    server.room('d1').holdAcks = false
    a.write('y')
    await until(() => a.c.status.value.waiting === 0)
    expect(a.c.status.value.stuck).toBe(false)
  } finally { vi.useRealTimers() }
})

test('the gate waits while somebody composes and applies what came in one go', () => {
  vi.useFakeTimers()
  try {
    const seen: number[] = []
    let composing = false
    let settled = 0
    const g = new Gate(us => { seen.push(us.length) }, () => Date.now())
    g.screen = { composing: () => composing, settle: () => { settled++ } }
    const u = new Uint8Array([0, 0])
    g.push(u)
    expect(seen).toEqual([1])
    g.push(u); g.push(u)
    expect(seen).toEqual([1])
    vi.advanceTimersByTime(50)
    expect(seen).toEqual([1, 2])
    composing = true
    vi.advanceTimersByTime(100)
    g.push(u); g.push(u); g.push(u)
    vi.advanceTimersByTime(5000)
    expect(seen).toEqual([1, 2])
    composing = false
    vi.advanceTimersByTime(50)
    expect(seen).toEqual([1, 2, 3])
    expect(settled).toBe(3)
  } finally { vi.useRealTimers() }
})

test('a malformed frame is refused and an unknown one skipped', () => {
  expect(() => decode(new Uint8Array([0, 9, 0]).buffer)).toThrow()
  expect(() => decode(new Uint8Array([18, 3, 110, 111, 33]).buffer)).toThrow()
  expect(decode(new Uint8Array([77]).buffer)).toBe(null)
  expect(decode(encodeAwareness(new Uint8Array([0])).buffer)).toMatchObject({ type: 'awareness' })
})
