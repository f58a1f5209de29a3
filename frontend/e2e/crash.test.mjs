// A server that dies in the middle of a bulk signature: whatever the moment,
// after the restart every document gets exactly one signature and the journal
// tells one story. The saga writes each step down (signing/README.md).
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { binary, start } from './office.mjs'

const run = promisify(execFile)
const steps = ['chosen', 'prepared', 'signed', 'stamped', 'embedded', 'verified', 'stored']

/** When the server is killed: as soon as `count` documents are seen to have reached `step`. */
const moments = [
  { when: 'as soon as the list is authorised', step: 'chosen', count: 0 },
  { when: 'when the first documents are prepared', step: 'prepared', count: 1 },
  { when: 'when the first documents carry a signature', step: 'signed', count: 1 },
  { when: 'when the first document is stored', step: 'stored', count: 1 },
  { when: 'when half of the documents are stored', step: 'stored', count: 11 },
  { when: 'when the second portion is in hand', step: 'stored', count: 17 },
]

/** A signed-in program: plain HTTP, the session cookie and JSON. It follows the office to its new port. */
async function client(office, login) {
  const signed = await fetch(office.url + '/sign-in', { method: 'POST', redirect: 'manual', body: new URLSearchParams({ login, password: office.password }) })
  assert.equal(signed.status, 303, `${login} signs in`)
  const cookie = signed.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ')
  const ask = async (path, body) => {
    const r = await fetch(office.url + path, { headers: { cookie, 'content-type': 'application/json' }, ...(body && { method: 'POST', body: JSON.stringify(body) }) })
    assert.ok(r.ok, `${path} answers ${r.status}: ${r.ok || await r.text()}`)
    return r
  }
  return {
    json: async (path, body) => (await ask(path, body)).json(),
    bytes: async (path) => Buffer.from(await (await ask(path)).arrayBuffer()),
    moved: (to) => { office = to },
  }
}

test('a bulk signature survives the death of the server at any moment', { timeout: 240_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spolupis-e2e-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const running = new Set()
  t.after(() => Promise.all([...running].map((o) => o.kill())))
  const open = async (data) => { const o = await start({ data }); running.add(o); return o }
  const kill = async (o) => { await o.kill('SIGKILL'); running.delete(o) }

  // One furnished office, in as many copies as there are moments.
  const model = join(folder, 'model')
  const first = await open(model)
  await first.kill('SIGTERM')
  running.delete(first)

  const offices = []
  for (const [i, moment] of moments.entries()) {
    const data = join(folder, String(i))
    await cp(model, data, { recursive: true })
    const office = await open(data)
    const pavel = await client(office, 'kolar')
    const { items } = await pavel.json('/api/v1/signing/basket')
    assert.ok(items.length >= 20, `the basket holds ${items.length}`)
    const versions = items.map((r) => r.version)
    const { list } = await pavel.json('/api/v1/signing/intents', { versions })
    const { batch } = await pavel.json('/api/v1/signing/batches', { versions, list, password: office.password })
    const path = '/api/v1/signing/batches/' + batch
    for (;;) {
      const reached = moment.count && (await pavel.json(path)).items.filter((it) => steps.indexOf(it.step) >= steps.indexOf(moment.step)).length
      if (reached >= moment.count) break
    }
    await kill(office)
    offices.push({ ...moment, data, pavel, versions, path })
  }

  // Up again, down once more while the dead worker's lease still runs, up for good.
  let middle = 0
  for (const o of offices) {
    await kill(await open(o.data))
    o.office = await open(o.data)
    o.pavel.moved(o.office)
    const { count, ended, signed, state } = await o.pavel.json(o.path)
    assert.equal(count, o.versions.length)
    if (ended < count) middle++
    t.diagnostic(`killed ${o.when}: ${signed} of ${count} signed, ${state}`)
  }
  assert.ok(middle >= 4, `only ${middle} of ${offices.length} batches were hit in the middle`)

  for (const o of offices) {
    await t.test(`killed ${o.when}`, { timeout: 90_000 }, async () => {
      let b
      do {
        if (b) await new Promise((r) => setTimeout(r, 200))
        b = await o.pavel.json(o.path)
      } while (b.live)
      assert.deepEqual([b.state, b.signed, b.failed, b.waiting], ['done', o.versions.length, 0, 0])
      assert.deepEqual((await o.pavel.json('/api/v1/signing/basket')).items, [], 'nothing waits any more')

      for (const [i, version] of o.versions.entries()) {
        const pdf = join(o.data, `signed-${i}.pdf`)
        await writeFile(pdf, await o.pavel.bytes(`/signing/versions/${version}/signed.pdf`))
        const { stdout } = await run('pdfsig', [pdf])
        assert.equal(stdout.match(/^Signature #/gm)?.length, 1, stdout)
        assert.match(stdout, /Signature is Valid/)
        assert.match(stdout, /Total document signed/)
        const { report } = await o.pavel.json('/api/v1/signing/versions/' + version)
        assert.equal(report.signatures.length, 1)
        assert.equal(report.indication, 'TOTAL-PASSED', JSON.stringify(report))
      }

      const audit = join(o.data, 'audit.zip')
      const told = async () => {
        await run(binary, ['audit', 'export', '-data', o.data, '-o', audit])
        const journal = await readFile(audit, 'latin1')
        return (kind) => journal.split(`\n${kind}\n`).length - 1
      }
      let times = await told()
      // Documents hear of it a moment later, or when the lease of the dead server's reader has run out after half a minute.
      for (const until = Date.now() + 60_000; times('documents.signed') < o.versions.length && Date.now() < until;) {
        await new Promise((r) => setTimeout(r, 500))
        times = await told()
      }
      for (const [kind, want] of [['signing.batch_authorised', 1], ['signing.batch_finished', 1], ['signing.signed', o.versions.length], ['signing.completed', o.versions.length], ['documents.signed', o.versions.length], ['signing.failed', 0]]) {
        assert.equal(times(kind), want, `${kind} in the journal`)
      }
      await run(binary, ['audit', 'verify', audit])
    })
  }
})
