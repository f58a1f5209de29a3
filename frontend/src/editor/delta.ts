import * as Y from 'yjs'
import { type Attrs, sameValue } from './flat.ts'

/** What became of a text, in its order. Attributes of kept places are only those that changed; null takes one away. */
export type Delta = { retain?: number; delete?: number; insert?: unknown; attributes?: Attrs }[]

type Marks = Map<string, unknown>

/**
 * deltaOf says what a transaction did to a text, as the event's own `delta` does. That one names every mark that went
 * at every place behind it as well, to the end: rejecting two thousand tracked changes took a minute, in every browser
 * that had the text open.
 */
export function deltaOf(e: Pick<Y.YEvent<Y.Text>, 'adds' | 'deletes' | 'target'>): Delta {
  const out: Delta = []
  const now: Marks = new Map()
  const old: Marks = new Map()
  for (let i = e.target._start; i; i = i.right) {
    const came = e.adds(i)
    const went = e.deletes(i)
    if ((came && went) || (i.deleted && !went)) continue
    if (i.content instanceof Y.ContentFormat) {
      const { key, value } = i.content
      if (!went) put(now, key, value)
      if (!came) put(old, key, value)
    } else if (!i.countable) continue
    else if (came) insert(out, i.content, now)
    else if (went) add(out, 'delete', i.length)
    else add(out, 'retain', i.length, change(old, now))
  }
  while (out.length && out.at(-1)!.retain != null && !out.at(-1)!.attributes) out.pop()
  return out
}

function put(marks: Marks, key: string, value: unknown) { if (value == null) marks.delete(key); else marks.set(key, value) }

function insert(out: Delta, content: Y.Item['content'], now: Marks) {
  const attributes = now.size ? Object.fromEntries(now) : undefined
  if (content instanceof Y.ContentString) out.push(attributes ? { insert: content.str, attributes } : { insert: content.str })
  else for (const insert of content.getContent()) out.push(attributes ? { insert, attributes } : { insert })
}

function add(out: Delta, what: 'retain' | 'delete', n: number, attributes?: Attrs) {
  const last = out.at(-1)
  if (last?.[what] != null && sameValue(last.attributes, attributes)) last[what] += n
  else out.push(attributes ? { [what]: n, attributes } : { [what]: n })
}

/** What makes the marks of a place of what they were. */
function change(old: Marks, now: Marks): Attrs | undefined {
  if (!old.size && !now.size) return undefined
  const out: Attrs = {}
  for (const [k, v] of now) if (!sameValue(old.get(k), v)) out[k] = v
  for (const k of old.keys()) if (!now.has(k)) out[k] = null
  return Object.keys(out).length ? out : undefined
}
