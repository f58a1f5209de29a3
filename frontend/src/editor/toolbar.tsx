import type { Command } from 'prosemirror-state'
import { useEffect, useRef } from 'preact/hooks'
import { type Key, t } from '../text.ts'
import { em, setKind, strong } from './commands.ts'
import { Glyph, type Icon } from './icons.tsx'
import type { Session } from './session.ts'
import { addColumn, addRow, deleteColumn, deleteRow, insertTable } from './tables.ts'

/** Shortcuts as the user's keyboard has them. */
const mac = /Mac|iPhone|iPad/.test(navigator.platform)
export const keys = (s: string) => (mac ? s.replace('Ctrl', '⌘').replace('Alt', '⌥') : s)

const STYLES: { value: string; key: Key; command: Command }[] = [
  { value: 'p', key: 'editor.style.p', command: setKind('p') },
  { value: 'h1', key: 'editor.style.h1', command: setKind('h', 1) },
  { value: 'h2', key: 'editor.style.h2', command: setKind('h', 2) },
  { value: 'h3', key: 'editor.style.h3', command: setKind('h', 3) },
  { value: 'ul', key: 'editor.style.ul', command: setKind('ul') },
  { value: 'ol', key: 'editor.style.ol', command: setKind('ol') },
  { value: 'quote', key: 'editor.style.quote', command: setKind('quote') },
]

export function Toolbar({ session: s }: { session: Session }) {
  const bar = useRef<HTMLDivElement>(null)
  const f = s.format.value
  const edit = s.canEdit.value
  const style = f.kind === 'h' ? `h${f.level}` : f.kind
  useEffect(() => rove(bar.current))
  const run = (c: Command) => () => s.paper.value?.run(c)
  const tool = (icon: Icon, key: Key, act: () => void, o: { on?: boolean; off?: boolean; short?: string } = {}) => {
    const label = o.short ? `${t(key)} (${keys(o.short)})` : t(key)
    return (
      <button type="button" class="tool" data-tool aria-label={t(key)} aria-keyshortcuts={o.short?.replace('Ctrl', mac ? 'Meta' : 'Control')} title={label} aria-pressed={o.on} disabled={!edit || o.off}
        onMouseDown={e => e.preventDefault()} onClick={act}><Glyph of={icon} /></button>
    )
  }
  return (
    <div class="tools" role="toolbar" aria-label={t('editor.tools')} ref={bar} onKeyDown={e => arrows(e, bar.current)}>
      {edit && <>
        <select data-tool aria-label={t('editor.style')} value={STYLES.some(x => x.value === style) ? style : 'other'} onChange={e => {
          const chosen = STYLES.find(x => x.value === e.currentTarget.value)
          if (chosen && chosen.value !== style) s.paper.value?.run(chosen.command)
        }}>
          {STYLES.map(x => <option key={x.value} value={x.value}>{t(x.key)}</option>)}
          {!STYLES.some(x => x.value === style) && <option value="other">{t(style === 'code' ? 'editor.style.code' : 'editor.style.hr')}</option>}
        </select>
        <span class="tools__group">
          {tool('bold', 'editor.bold', run(strong), { on: f.strong, short: 'Ctrl+B' })}
          {tool('italic', 'editor.italic', run(em), { on: f.em, short: 'Ctrl+I' })}
          {tool('link', 'editor.link', () => { s.dialog.value = 'link' }, { on: f.link, short: 'Ctrl+K' })}
        </span>
        <span class="tools__group">
          {tool('bullets', 'editor.style.ul', run(setKind('ul')), { on: f.kind === 'ul', short: 'Ctrl+Shift+8' })}
          {tool('numbers', 'editor.style.ol', run(setKind('ol')), { on: f.kind === 'ol', short: 'Ctrl+Shift+7' })}
        </span>
        <span class="tools__group">
          {!f.table && tool('table', 'editor.table.insert', run(insertTable()))}
          {f.table && <>
            {tool('rowAdd', 'editor.table.row_add', run(addRow))}
            {tool('rowDelete', 'editor.table.row_delete', run(deleteRow))}
            {tool('colAdd', 'editor.table.col_add', run(addColumn))}
            {tool('colDelete', 'editor.table.col_delete', run(deleteColumn))}
          </>}
        </span>
        <span class="tools__group">
          {tool('undo', 'editor.undo', () => { s.paper.value?.undo.undo(); s.paper.value?.view.focus() }, { off: !f.undo, short: 'Ctrl+Z' })}
          {tool('redo', 'editor.redo', () => { s.paper.value?.undo.redo(); s.paper.value?.view.focus() }, { off: !f.redo, short: 'Ctrl+Y' })}
        </span>
      </>}
      {edit && <button type="button" class="tool tool--suggest" data-tool aria-pressed={s.suggesting.value} aria-keyshortcuts={`${mac ? 'Meta' : 'Control'}+Shift+E`} title={`${t('editor.suggest')} (${keys('Ctrl+Shift+E')})`} onMouseDown={e => e.preventDefault()} onClick={() => s.suggest(!s.suggesting.value)}>
        <Glyph of="suggest" /> <span>{t(s.suggesting.value ? 'editor.suggest.on' : 'editor.suggest')}</span>
      </button>}
      {!edit && <span class="tools__mode">{t(s.frozen.value ? 'editor.mode.frozen' : s.hello.value?.right === 'comment' ? 'editor.mode.comment' : 'editor.mode.view')}</span>}
      <span class="tools__space" />
      <button type="button" class="tool tool--words" data-tool disabled={!s.canComment.value} title={`${t('editor.comment')} (${keys('Ctrl+Alt+M')})`} onMouseDown={e => e.preventDefault()} onClick={() => s.startComment()}>
        <Glyph of="comment" /> <span>{t('editor.comment')}</span>
      </button>
    </div>
  )
}

const toolsIn = (bar: HTMLElement | null) => [...(bar?.querySelectorAll<HTMLButtonElement | HTMLSelectElement>('[data-tool]:not(:disabled)') ?? [])]

/** One stop of Tab for the whole bar; arrows go on from there. */
function rove(bar: HTMLElement | null) {
  const all = toolsIn(bar)
  const now = all.find(e => e === document.activeElement) ?? all.find(e => e.tabIndex === 0) ?? all[0]
  for (const e of all) e.tabIndex = e === now ? 0 : -1
}

function arrows(e: KeyboardEvent, bar: HTMLElement | null) {
  const all = toolsIn(bar)
  const i = all.indexOf(document.activeElement as HTMLButtonElement)
  const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: all.length - 1 }[e.key]
  if (to === undefined || i < 0) return
  e.preventDefault()
  all[(to + all.length) % all.length].focus()
  rove(bar)
}
