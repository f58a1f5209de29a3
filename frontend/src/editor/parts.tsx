import { clock, plural, t, type Key } from '../text.ts'
import { Unsaved } from './dialogs.tsx'
import { describeChange } from '../tracked/words.ts'
import type { Session } from './session.ts'

export function Head({ session: s }: { session: Session }) {
  const { title, number } = s.page
  const saved = s.saved(clock)
  const back = `/documents/${encodeURIComponent(s.page.document)}`
  const H = document.querySelector('h1:not(#editor h1)') ? 'p' : 'h1'
  return (
    <header class="editor__head">
      <div class="editor__title">
        <p class="editor__crumb"><a href={back}>{t('editor.back')}</a>{number && <span class="muted">{number}</span>}<a href={`${back}/text`}>{t('editor.reading')}</a></p>
        {title && <H class="editor__name">{title}</H>}
      </div>
      <Presence session={s} />
      <p class={`save save--${saved.level}`} data-save>{saved.text}</p>
    </header>
  )
}

const initials = (name: string) => name.split(/\s+/).map(w => [...w][0] ?? '').slice(0, 2).join('')

function Presence({ session: s }: { session: Session }) {
  const me = s.hello.value?.person
  const others = [...new Map(s.peers.value.map(p => [p.id || p.client, p])).values()].filter(p => p.id !== me?.id)
  const all = [...(me ? [{ ...me, name: me.name, self: true }] : []), ...others.map(p => ({ ...p, self: false }))]
  return (
    <ul class="people" aria-label={plural('editor.people', all.length)}>
      {all.slice(0, 8).map(p => (
        <li key={p.id} title={p.self ? t('editor.people.me', p.name) : p.name} ref={e => e?.style.setProperty('--who', p.color)}>
          <span aria-hidden="true">{initials(p.name)}</span><span class="visually-hidden">{p.self ? t('editor.people.me', p.name) : p.name}</span>
        </li>
      ))}
      {all.length > 8 && <li class="people__more"><span>+{all.length - 8}</span></li>}
    </ul>
  )
}

const ENDS: Record<number, Key> = { 4401: 'editor.end.4401', 4403: 'editor.end.4403', 4409: 'editor.end.4409', 4413: 'editor.end.4413', 4422: 'editor.end.4422' }

export function Banner({ session: s }: { session: Session }) {
  const end = s.connection.status.value.end
  const frozen = s.frozen.value
  const versions = `/documents/${encodeURIComponent(s.page.document)}/versions`
  if (end) return (
    <div class="notice notice--error editor__banner" role="alert">
      <p>{t(ENDS[end.code] ?? 'editor.end.other')}</p>
      <Unsaved text={s.unsaved()} />
      <p class="row">
        {end.code === 4401 && <a class="btn" href={`/sign-in?next=${encodeURIComponent(location.pathname)}`}>{t('editor.end.sign_in')}</a>}
        {end.code === 4409 && <a class="btn" href={versions}>{t('editor.frozen.versions')}</a>}
        {end.code !== 4403 && end.code !== 4401 && <a class="btn btn--secondary" href={location.pathname}>{t('editor.end.reload')}</a>}
        {end.code === 4403 && <a class="btn" href={`/documents/${encodeURIComponent(s.page.document)}`}>{t('editor.end.overview')}</a>}
      </p>
    </div>
  )
  if (frozen) return (
    <div class="notice notice--warn editor__banner" data-frozen>
      <p><strong>{frozen.number ? t('editor.frozen.number', frozen.number) : t('editor.frozen')}</strong> {t('editor.frozen.text')} <a href={versions}>{t('editor.frozen.versions')}</a></p>
      <Unsaved text={s.unsaved()} />
    </div>
  )
  return null
}

export function Outline({ session: s }: { session: Session }) {
  const headings = s.outline.value
  return (
    <nav class="outline" aria-label={t('editor.outline')}>
      <details open={innerWidth >= 1100}>
        <summary>{t('editor.outline')}</summary>
        {headings.length === 0 && <p class="muted">{t('editor.outline.empty')}</p>}
        <ol>
          {headings.map(h => (
            <li key={`${h.index}${h.text}`} class={`outline__level${h.level}`}><button type="button" onClick={() => s.goToChild(h.index)}>{h.text}</button></li>
          ))}
        </ol>
      </details>
    </nav>
  )
}

export function StatusBar({ session: s }: { session: Session }) {
  return (
    <p class="status">
      <span>{t('editor.status.block', s.format.value.block)}</span>
      <span>{plural('editor.status.words', s.words.value)}</span>
      <span class="status__comments">{plural('editor.comments.open', s.comments.value?.open.value ?? 0)}</span>
      <Here session={s} />
      <span class="status__keys">{t('editor.status.keys')}</span>
    </p>
  )
}

/** In words what the colours at the caret say. */
function Here({ session: s }: { session: Session }) {
  const e = s.changes.value.find(x => x.key === s.change.value)
  return e ? <span class="status__change">{describeChange(e.parts[0].how, e, s.nameOf(e.by))}</span> : s.suggesting.value && s.canEdit.value ? <span class="status__change">{t('editor.status.suggesting')}</span> : null
}
