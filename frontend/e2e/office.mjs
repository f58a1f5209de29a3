// A demo office in its own process and folder, and people in real browsers.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const binary = process.env.SPOLUPIS_BIN ?? join(root, 'bin', 'spolupis')

/**
 * Starts `spolupis <command>` on a free port.
 * @returns {{url: string, password: string, data: string, kill: (signal?: string) => Promise<void>, stop: () => Promise<void>, output: () => string}}
 */
export async function start({ command = 'demo', data, args = [] } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'spolupis-e2e-')))
  const child = spawn(binary, [command, '-addr', '127.0.0.1:0', '-data', folder, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const ready = new Promise((resolve, reject) => {
    const read = (chunk) => {
      out += chunk
      const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(out)
      const password = /heslo[^:]*: (\S+)/.exec(out)
      if (url && (password || command !== 'demo')) resolve({ url: url[1], password: password?.[1] })
    }
    child.stdout.on('data', read)
    child.stderr.on('data', (c) => { out += c; read('') })
    child.once('exit', (code) => reject(new Error(`server ended with ${code} before it was ready:\n${out}`)))
    setTimeout(() => reject(new Error(`server not ready in 60 s:\n${out}`)), 60_000).unref()
  })
  const kill = async (signal = 'SIGKILL') => { if (child.exitCode === null) child.kill(signal); await ended }
  const { url, password } = await ready
  return {
    url, password, data: folder, pid: child.pid, output: () => out, kill,
    stop: async () => { await kill('SIGTERM'); if (!data) await rm(folder, { recursive: true, force: true }) },
  }
}

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})

/** Signs a person in and returns his page; options go to the browser context. */
export async function person(browser, office, login, options = {}) {
  const context = await browser.newContext({ locale: 'cs-CZ', viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(office.url + '/sign-in')
  await page.fill('input[name=login]', login)
  await page.fill('input[name=password]', office.password)
  await page.click('form[action^="/sign-in"] button[type=submit], form[action^="/sign-in"] button:not([type])')
  await page.waitForURL((u) => !u.pathname.startsWith('/sign-in'))
  return page
}
