import { DOMParser, Fragment, type Node as PMNode, type ParseOptions, type Schema, Slice } from 'prosemirror-model'
import type { EditorState } from 'prosemirror-state'
import { cellAt } from './commands.ts'
import { schema } from './schema.ts'
import { freshIds } from './tables.ts'

/**
 * OfficeParser reads what word processors put on the clipboard. Their flat
 * paragraphs are our own shape; only list levels, revisions and line breaks
 * have to be translated first. It works on the parsed tree, so that no HTML
 * text is put together here (Trusted Types).
 */
export class OfficeParser extends DOMParser {
  constructor(s: Schema = schema) { super(s, DOMParser.fromSchema(s).rules) }
  override parseSlice(dom: globalThis.Node, options?: ParseOptions): Slice {
    if (dom.nodeType === 1 || dom.nodeType === 11) normalise(dom as HTMLElement)
    return super.parseSlice(dom, options)
  }
}

const style = (e: Element) => e.getAttribute('data-style') ?? e.getAttribute('style') ?? ''

/** withoutStyles renames style attributes and drops style sheets before the browser parses pasted HTML: the page's
 * policy refuses them with an error each, and what they say is read from the renamed attribute. */
export function withoutStyles(html: string): string {
  return html.replace(/<style\b[\s\S]*?<\/style>/gi, '').replace(/<[a-z][^>]*>/gi, tag => tag.replace(/\sstyle\s*=/gi, ' data-style='))
}

const each = (root: ParentNode, css: string, f: (e: HTMLElement) => void) => { for (const e of [...root.querySelectorAll<HTMLElement>(css)]) f(e) }
const unwrap = (e: Element) => e.replaceWith(...e.childNodes)

/** normalise changes a pasted tree in place: deleted revisions go, Word's list paragraphs get kind and level,
 * a heading keeps its level only when it comes from our own page. */
export function normalise(root: HTMLElement) {
  if (root.querySelector('[data-pm-slice]')) root.setAttribute?.('data-own', '')
  const comments: Comment[] = []
  const walk = (root.ownerDocument ?? document).createTreeWalker(root, 128 /* comments */)
  while (walk.nextNode()) comments.push(walk.currentNode as Comment)
  for (const c of comments) c.remove()
  each(root, 'style, script, meta, link, title, xml, del, s.msoDel, .msoDel, .msocomanchor, .msocomtxt', e => e.remove())
  each(root, '[data-style], [style]', styled)
  each(root, 'ins', unwrap)
  each(root, 'p, h1, h2, h3, h4, h5, h6, li', e => { if (/mso-list:\s*(?!none|ignore)/i.test(style(e))) wordItem(e) })
  each(root, 'li', listItem)
  each(root, 'td[colspan], th[colspan]', spreadCell)
  each(root, 'br', lineBreak)
}

const bold = /font-weight:\s*(bold|[6-9]00)/i

/** Bold and italics that are written as styles become elements; hidden things go. */
function styled(e: HTMLElement) {
  const s = style(e)
  if (/mso-element:\s*comment|display:\s*none|mso-hide:\s*all/i.test(s)) { e.remove(); return }
  if (e.tagName === 'B' && /font-weight:\s*normal/i.test(s)) { unwrap(e); return }
  if (e.tagName !== 'SPAN') return
  for (const [on, tag] of [[bold.test(s), 'strong'], [/font-style:\s*italic/i.test(s), 'em']] as const) {
    if (!on) continue
    const wrap = e.ownerDocument.createElement(tag)
    wrap.append(...e.childNodes)
    e.append(wrap)
  }
}

function wordItem(e: HTMLElement) {
  const level = Number(/level(\d)/.exec(style(e))?.[1] ?? 1) - 1
  let sign = ''
  each(e, 'span', s => { if (/mso-list:\s*ignore/i.test(style(s))) { sign ||= (s.textContent ?? '').trim(); s.remove() } })
  if (/^H\d$/.test(e.tagName)) return
  const p = e.ownerDocument.createElement('p')
  p.dataset.kind = /^[([]?(\d|[a-z]{1,4}[.)]|[ivxlc]+[.)])/i.test(sign) && !/^o$/i.test(sign) ? 'ol' : 'ul'
  p.dataset.level = String(level)
  p.append(...e.childNodes)
  e.replaceWith(p)
}

/** A list item of other editors holds paragraphs: the first is its text, the others stand below it. */
function listItem(li: HTMLElement) {
  let depth = 0
  for (let e = li.parentElement; e; e = e.parentElement) if (/^(UL|OL)$/.test(e.tagName)) depth++
  const ps = [...li.children].filter(c => c.tagName === 'P' || c.tagName === 'DIV')
  ps.forEach((p, i) => { if (i === 0) unwrap(p); else (p as HTMLElement).dataset.level = String(depth) })
}

function spreadCell(cell: HTMLElement) {
  const n = Math.min(50, Number(cell.getAttribute('colspan')) || 1)
  cell.removeAttribute('colspan')
  for (let i = 1; i < n; i++) cell.after(cell.ownerDocument.createElement(cell.tagName))
}

/** A forced line break becomes a paragraph of the same style: the body has no breaks inside one. */
function lineBreak(br: HTMLElement) {
  const p = br.closest<HTMLElement>('p, h1, h2, h3, h4, h5, h6, blockquote')
  if (!p || br.parentElement !== p || !br.nextSibling) { br.replaceWith(br.nextSibling ? br.ownerDocument.createTextNode(' ') : ''); return }
  const head = p.cloneNode(false) as HTMLElement
  while (p.firstChild && p.firstChild !== br) head.append(p.firstChild)
  br.remove()
  if (head.hasChildNodes()) p.before(head)
}

/** pasted prepares a slice for where it comes: tables get ids of their own, or become paragraphs inside a cell. */
export function pasted(slice: Slice, state: EditorState): Slice {
  const kept = withoutForeign(slice.content)
  if (!kept.eq(slice.content)) slice = new Slice(kept, 0, 0)
  slice = new Slice(untracked(slice.content), slice.openStart, slice.openEnd)
  let tables = false
  slice.content.forEach(n => { if (n.type === schema.nodes.table) tables = true })
  if (tables && cellAt(state.selection.$from)) return Slice.maxOpen(schema.nodes.doc.create(null, blocksOf(slice.content)).content)
  return new Slice(freshIds(slice.content), slice.openStart, slice.openEnd)
}

function blocksOf(f: Fragment) {
  const out: PMNode[] = []
  f.descendants(n => { if (n.type === schema.nodes.block) out.push(n); return n.type !== schema.nodes.block })
  return out
}

function withoutForeign(f: Fragment): Fragment {
  let found = false
  f.descendants(n => { if (n.type === schema.nodes.foreign) found = true; return !found })
  if (!found) return f
  const kids: PMNode[] = []
  f.forEach(n => { if (n.type !== schema.nodes.foreign) kids.push(n.isText ? n : n.copy(withoutForeign(n.content))) })
  return Fragment.fromArray(kids)
}

/** untracked takes what is pasted or dropped as it is without anybody's tracked changes: struck out text stays behind. */
export function untracked(f: Fragment): Fragment {
  const kids: PMNode[] = []
  f.forEach(n => {
    if (!n.isInline) { kids.push(n.type === schema.nodes.block ? n.type.create({ ...n.attrs, ins: null, del: null, was: null }, untracked(n.content)) : n.copy(untracked(n.content))); return }
    if (n.marks.some(m => m.type === schema.marks.del && !m.attrs.idle)) return
    kids.push(n.mark(n.marks.filter(m => m.type !== schema.marks.ins && m.type !== schema.marks.del && m.type !== schema.marks.was)))
  })
  return Fragment.fromArray(kids)
}
