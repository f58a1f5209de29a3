// Progress of a bulk signature: asks the server until it is done. The page works without it, by refreshing itself.

interface Item {
  position: number
  text: string
  chip: string
}

interface Progress {
  text: string
  ended: number
  live: boolean
  items: Item[]
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null

function parseItem(v: unknown): Item {
  if (isObject(v) && typeof v.position === 'number' && typeof v.text === 'string' && typeof v.chip === 'string') {
    return { position: v.position, text: v.text, chip: v.chip }
  }
  throw new Error('unexpected item')
}

function parse(v: unknown): Progress {
  if (isObject(v) && typeof v.text === 'string' && typeof v.ended === 'number' && typeof v.live === 'boolean' && Array.isArray(v.items)) {
    return { text: v.text, ended: v.ended, live: v.live, items: v.items.map(parseItem) }
  }
  throw new Error('unexpected answer')
}

function show(section: HTMLElement, p: Progress): void {
  const status = section.querySelector('[role="status"]')
  if (status && status.textContent !== p.text) status.textContent = p.text
  const bar = section.querySelector('progress')
  if (bar) bar.value = p.ended
  for (const item of p.items) {
    const cell = document.querySelector(`tr[data-position="${item.position}"] [data-step]`)
    if (cell && cell.textContent !== item.text) {
      cell.textContent = item.text
      cell.className = item.chip
    }
  }
}

async function follow(section: HTMLElement, url: string): Promise<void> {
  for (let wait = 500; ; ) {
    await new Promise((resolve) => setTimeout(resolve, wait))
    try {
      const answer = await fetch(url, { headers: { Accept: 'application/json' } })
      if (!answer.ok) throw new Error(String(answer.status))
      const p = parse(await answer.json())
      show(section, p)
      if (!p.live) {
        location.reload() // links to the files, and the result, come from the server
        return
      }
      wait = 700
    } catch {
      wait = Math.min(wait * 2, 15_000)
    }
  }
}

const section = document.querySelector<HTMLElement>('[data-signing-batch]')
const url = section?.dataset.signingBatch
if (section && url) void follow(section, url)
