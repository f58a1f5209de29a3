import { day, type Key, t } from '../text.ts'
import type { Attrs } from '../editor/flat.ts'
import type { Change, Entry, How, Part } from './change.ts'

const when = (c: Change) => (c.at ? day(new Date(c.at).toISOString()) : '')

/** describeChange says what a change does, who proposes it and when. */
export function describeChange(how: How, c: Change, name: string): string {
  const words = `${t(`editor.change.${how}`)}: ${name || t('editor.change.somebody')}`
  return c.at ? `${words}, ${when(c)}` : words
}

const MOST = 300

/** cut shortens what a change says for a list. */
export const cut = (s: string) => ([...s].length > MOST ? `${[...s].slice(0, MOST).join('')}…` : s)

const STYLES: Record<string, Key> = { p: 'editor.style.p', ul: 'editor.style.ul', ol: 'editor.style.ol', quote: 'editor.style.quote', code: 'editor.style.code', hr: 'editor.style.hr', h1: 'editor.style.h1', h2: 'editor.style.h2', h3: 'editor.style.h3' }

/** styleName says what a paragraph is, with its level where a list has some. */
export function styleName(a: Attrs): string {
  const level = typeof a.level === 'number' ? a.level : 0
  const name = t(STYLES[a.kind === 'h' ? `h${Math.min(3, Math.max(1, level || 1))}` : String(a.kind ?? 'p')] ?? 'editor.style.p')
  return a.kind !== 'h' && level > 0 ? t('editor.style.level', name, level + 1) : name
}

const textOf = (p: Part) => (p.styles ? t('editor.change.styles', styleName(p.styles[0]), styleName(p.styles[1])) : `„${p.text.replaceAll('¶', ` ${t('editor.change.paragraph')} `).trim()}“`)

/** quoteOf is the text of a change in one line, as it is read out. */
export const quoteOf = (e: Entry) => cut(e.parts.map(p => `${t(`editor.change.${p.how}`)} ${textOf(p)}`).join(', '))
