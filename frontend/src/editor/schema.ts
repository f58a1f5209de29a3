import { type DOMOutputSpec, type Node as PMNode, type NodeSpec, Schema } from 'prosemirror-model'

/** The keys of a paragraph marker that a block shows. Others stay in the marker untouched. */
export const MARKER_KEYS = ['kind', 'level', 'align', 'start', 'ins', 'del', 'was'] as const
export const MAX_LEVEL = 5

export type Kind = 'p' | 'h' | 'ul' | 'ol' | 'quote' | 'code' | 'hr'
const KNOWN = new Set<unknown>(['h', 'ul', 'ol', 'quote', 'code', 'hr'])

/** kindOf reads the kind to show: a missing or unknown one is a plain paragraph. */
export const kindOf = (n: PMNode): Kind => (KNOWN.has(n.attrs.kind) ? n.attrs.kind : 'p') as Kind

/** levelOf reads the level to show: 1–3 in a heading, nesting from 0 elsewhere. */
export function levelOf(n: PMNode): number {
  const raw = Number.isInteger(n.attrs.level) ? (n.attrs.level as number) : 0
  return kindOf(n) === 'h' ? Math.min(3, Math.max(1, raw || 1)) : Math.min(MAX_LEVEL, Math.max(0, raw))
}

/** What a screen reader says of a list item, in the user's language; set once at start. */
export const spoken = { ul: (_level: number) => '', ol: (_level: number) => '' }

const ALIGN = new Set<unknown>(['left', 'center', 'right'])

function blockDOM(n: PMNode): DOMOutputSpec {
  const kind = kindOf(n)
  const level = levelOf(n)
  const a: Record<string, string> = {}
  if (kind !== 'p' && kind !== 'h') a['data-kind'] = kind
  if (kind !== 'h' && level > 0) a['data-level'] = String(level)
  if (ALIGN.has(n.attrs.align)) a['data-align'] = n.attrs.align
  if (kind === 'ul' || kind === 'ol') a['aria-roledescription'] = spoken[kind](level + 1)
  // An item that does not simply count on; through CSSOM, which the page's policy allows.
  if (kind === 'ol' && Number.isInteger(n.attrs.start)) a.style = `counter-set: l${level} ${n.attrs.start} l${level + 1} 0`
  if (n.attrs.ins) a['data-ins'] = ''
  if (n.attrs.del) a['data-del'] = ''
  if (n.attrs.was) a['data-was'] = ''
  const tag = kind === 'h' ? `h${level + 1}` : kind === 'quote' ? 'blockquote' : kind === 'code' ? 'pre' : 'p'
  return [tag, a, 0]
}

function listLevel(item: HTMLElement): number {
  let level = -1
  for (let e = item.parentElement; e; e = e.parentElement) if (/^(UL|OL)$/.test(e.tagName)) level++
  return Math.max(0, level)
}

/**
 * One flat text block for every kind: kind and level are attributes, so a
 * change of style never replaces the node and with it nobody's text. On the
 * page a heading of level 1 is an h2: the h1 is the title of the material.
 */
const block: NodeSpec = {
  content: 'inline*',
  attrs: { kind: { default: 'p' }, level: { default: 0 }, align: { default: null }, start: { default: null }, ins: { default: null }, del: { default: null }, was: { default: null } },
  defining: true,
  parseDOM: [
    ...[1, 2, 3, 4, 5, 6].map(l => ({ tag: `h${l}`, getAttrs: (d: HTMLElement) => ({ kind: 'h', level: Math.min(3, d.closest('[data-own]') ? Math.max(1, l - 1) : l) }) })),
    { tag: 'li', getAttrs: (d: HTMLElement) => ({ kind: d.parentElement?.tagName === 'OL' ? 'ol' : 'ul', level: listLevel(d) }) },
    { tag: 'p[data-kind]', getAttrs: (d: HTMLElement) => ({ kind: d.dataset.kind, level: Number(d.dataset.level ?? 0) }) },
    { tag: 'p[data-level]', getAttrs: (d: HTMLElement) => ({ level: Number(d.dataset.level) }) },
    { tag: 'blockquote', getAttrs: (d: HTMLElement) => ({ kind: 'quote', level: Number(d.dataset.level ?? 0) }) },
    { tag: 'pre', attrs: { kind: 'code' }, preserveWhitespace: 'full' },
    { tag: 'hr', attrs: { kind: 'hr' } },
    { tag: 'p' },
  ],
  toDOM: blockDOM,
}

const id = { id: { default: null } }

/** An embedded value that is no paragraph marker: shown as a small box, kept as it is. */
const foreign: NodeSpec = {
  inline: true, group: 'inline', atom: true, selectable: true, attrs: { value: { default: null } },
  toDOM: () => ['span', { class: 'foreign' }, '\u25a1'],
}

const by = { id: { default: null }, by: { default: null }, at: { default: null } }

const web = /^(https?:|mailto:|tel:|#|\/)/i

/** safeHref returns the address when a link may lead there, else null: no javascript: or data: from a peer or a paste. */
export function safeHref(href: unknown): string | null {
  return typeof href === 'string' && href.length <= 2000 && web.test(href.trim()) ? href.trim() : null
}

export const schema = new Schema({
  nodes: {
    doc: { content: '(block | table)+' },
    block,
    text: { group: 'inline' },
    foreign,
    table: { content: 'row+', attrs: id, isolating: true, parseDOM: [{ tag: 'table' }], toDOM: () => ['table', ['tbody', 0]] },
    row: { content: '(cell | head)+', attrs: id, parseDOM: [{ tag: 'tr' }], toDOM: () => ['tr', 0] },
    cell: { content: 'block+', attrs: id, isolating: true, parseDOM: [{ tag: 'td' }], toDOM: () => ['td', 0] },
    head: {
      content: 'block+', attrs: id, isolating: true, parseDOM: [{ tag: 'th' }, { tag: 'td.head', priority: 60 }],
      // An empty header says nothing to a screen reader; it is drawn as one all the same. Decided when the cell is
      // drawn: changing the element under somebody's first letter would break a dead key.
      toDOM: n => (n.textContent ? ['th', 0] : ['td', { class: 'head' }, 0]),
    },
  },
  marks: {
    link: {
      attrs: { href: {} }, inclusive: false,
      parseDOM: [{ tag: 'a[href]', getAttrs: (d: HTMLElement) => { const href = safeHref(d.getAttribute('href')); return href ? { href } : false } }],
      toDOM: m => ['a', { href: safeHref(m.attrs.href) ?? '#', rel: 'noopener noreferrer', title: String(m.attrs.href) }, 0],
    },
    strong: {
      parseDOM: [{ tag: 'strong' }, { tag: 'b' }],
      toDOM: () => ['strong', 0],
    },
    em: { parseDOM: [{ tag: 'em' }, { tag: 'i' }], toDOM: () => ['em', 0] },
    code: { parseDOM: [{ tag: 'code' }], toDOM: () => ['code', 0] },
    // Text may lie in several insertions and deletions at once. `name` is the attribute in the text; idle marks do not count:
    // they belong to what is around the text.
    ins: { attrs: { ...by, name: { default: 'ins' }, idle: { default: false }, plain: { default: false } }, inclusive: false, excludes: '', toDOM: m => [m.attrs.idle ? 'span' : 'ins', 0], parseDOM: [] },
    del: { attrs: { ...by, name: { default: 'del' }, over: { default: null }, idle: { default: false } }, inclusive: false, excludes: '', toDOM: m => [m.attrs.idle ? 'span' : 'del', 0], parseDOM: [] },
    was: { attrs: { ...by, look: { default: '' }, old: { default: null } }, inclusive: false, excludes: '', toDOM: () => ['span', { class: 'was' }, 0], parseDOM: [] },
  },
})

/** randomId makes an id for a table, row or column: 8 characters, no separator of a cell in it. */
export function randomId(): string {
  const abc = '0123456789abcdefghijklmnopqrstuvwxyz'
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), b => abc[b % 36]).join('')
}
