import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { life } from './life.mjs'
import { launch, start } from './office.mjs'

const run = promisify(execFile)

test('a material lives from draft to signature, publication and audit on one embedded node', { timeout: 300_000 }, async (t) => {
  const office = await start()
  t.after(() => office.stop())
  office.storage = ['-data', office.data]
  await live(t, [office], office.data)
})

test('the same life with the officials on two nodes over PostgreSQL and Redis', { timeout: 300_000 }, async (t) => {
  const { SPOLUPIS_TEST_POSTGRES: postgres, SPOLUPIS_TEST_REDIS: redis, SPOLUPIS_REQUIRE_SERVERS: required } = process.env
  if (!postgres || !redis) {
    if (required === '1') throw new Error('needs SPOLUPIS_TEST_POSTGRES and SPOLUPIS_TEST_REDIS')
    return t.skip('SKIPPED: needs PostgreSQL and Redis (make test starts them)')
  }
  const name = 'e2e_' + randomBytes(6).toString('hex')
  await run('psql', [postgres, '-qc', `CREATE DATABASE ${name}`])
  t.after(() => run('psql', [postgres, '-qc', `DROP DATABASE ${name} WITH (FORCE)`]))
  const database = Object.assign(new URL(postgres), { pathname: '/' + name }).href
  const data = await mkdtemp(join(tmpdir(), 'spolupis-e2e-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const args = ['-database', database, '-redis', redis]
  const first = await start({ data, args })
  t.after(() => first.stop())
  const second = await start({ command: 'serve', data, args })
  t.after(() => second.stop())
  second.password = first.password
  first.storage = ['-data', data, '-database', database]
  await live(t, [first, second], data)
})

async function live(t, offices, folder) {
  const browser = await launch()
  t.after(() => browser.close())
  try {
    await life(browser, offices, { audit: join(folder, 'audit.zip'), pictures: process.env.SPOLUPIS_PICTURES })
  } catch (e) {
    for (const o of offices) console.error(o.output().slice(-4000))
    if (process.env.SPOLUPIS_FAILURES) {
      let i = 0
      for (const c of browser.contexts()) for (const p of c.pages()) await p.screenshot({ path: join(process.env.SPOLUPIS_FAILURES, `${i++}.png`) }).catch(() => {})
    }
    throw e
  }
}
