import '../css/editor.css'
import { render } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { CommentPanel } from '../comments/panel.tsx'
import { plural, setLang, t } from '../text.ts'
import { ChangePanel, DecideDialog } from '../tracked/panel.tsx'
import { LinkDialog, StuckDialog } from './dialogs.tsx'
import { Banner, Head, Outline, StatusBar } from './parts.tsx'
import { spoken } from './schema.ts'
import { type Page, Session } from './session.ts'
import { Toolbar } from './toolbar.tsx'

function Sheet({ session: s }: { session: Session }) {
  const ref = useRef<HTMLDivElement>(null)
  const ready = s.readable.value
  useEffect(() => { if (ready && ref.current && !s.paper.peek()) s.mount(ref.current) }, [ready])
  return <div class="sheet" ref={ref} aria-busy={!ready}>{!ready && <p class="muted sheet__wait" role="status">{t('editor.loading')}</p>}</div>
}

function Editor({ session: s }: { session: Session }) {
  const n = s.comments.value?.open.value ?? 0
  return (
    <div class={s.suggesting.value && s.canEdit.value ? 'editor editor--suggesting' : 'editor'}>
      <Head session={s} />
      <Banner session={s} />
      <div class="editor__bar">
        <Toolbar session={s} />
        <button type="button" class="btn btn--secondary editor__toggle" aria-expanded={s.panelOpen.value} onClick={() => { s.panelOpen.value = !s.panelOpen.value }}>{s.side.value === 'changes' ? plural('editor.changes.count', s.changes.value.length) : plural('editor.comments.open', n)}</button>
      </div>
      <div class="editor__grid">
        <Outline session={s} />
        <Sheet session={s} />
        {s.side.value === 'changes' ? <ChangePanel session={s} /> : <CommentPanel session={s} />}
      </div>
      <StatusBar session={s} />
      <p class={s.shown.value && s.said.value ? 'said notice notice--warn' : 'visually-hidden'} role="status" aria-live="polite">{s.said.value}</p>
      <LinkDialog session={s} />
      <DecideDialog session={s} />
      <StuckDialog session={s} />
    </div>
  )
}

/** pageOf reads the mount point that the page template writes. */
function pageOf(e: HTMLElement): Page {
  const d = e.dataset
  let user = { id: '', name: '' }
  try { const u = JSON.parse(d.user ?? '{}') as Partial<typeof user>; user = { id: String(u.id ?? ''), name: String(u.name ?? '') } } catch { /* nobody's comments are then shown as mine */ }
  const id = d.document ?? ''
  return {
    document: id, title: d.title ?? '', number: d.number ?? '', user, lang: d.lang ?? 'cs',
    socket: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/collab/${encodeURIComponent(id)}`,
    comments: `/api/v1/documents/${encodeURIComponent(id)}/comments`, changes: `/api/v1/documents/${encodeURIComponent(id)}/changes`,
  }
}

const mount = document.getElementById('editor')
if (mount) {
  const page = pageOf(mount)
  setLang(page.lang)
  spoken.ul = level => t('editor.spoken.ul', level)
  spoken.ol = level => t('editor.spoken.ol', level)
  const session = new Session(page)
  addEventListener('beforeunload', e => { if (session.connection.status.value.waiting) e.preventDefault() })
  mount.replaceChildren()
  render(<Editor session={session} />, mount)
  Object.assign(mount, { session })
}
