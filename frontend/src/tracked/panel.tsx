import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Modal } from '../editor/dialogs.tsx'
import type { Session } from '../editor/session.ts'
import { day, plural, t } from '../text.ts'
import type { Entry, Part } from './change.ts'
import { cut, styleName } from './words.ts'

/** Sides chooses what stands beside the text. */
export function Sides({ session: s }: { session: Session }) {
  const button = (side: 'comments' | 'changes', label: string) => (
    <button type="button" class="sides__one" aria-pressed={s.side.value === side} onClick={() => { s.side.value = side }}>{label}</button>
  )
  return (
    <div class="sides" role="group" aria-label={t('editor.sides')}>
      {button('comments', `${t('editor.comments')} (${s.comments.value?.open.value ?? 0})`)}
      {button('changes', `${t('editor.changes')} (${s.changes.value.length})`)}
    </div>
  )
}

/** The tracked changes beside the text, in its order. */
export function ChangePanel({ session: s }: { session: Session }) {
  const all = s.changes.value
  const may = s.canDecide.value
  const chosen = s.chosen.value
  const list = useRef<HTMLOListElement>(null)
  const on = s.change.value
  const cards = useCards(s)
  // Only the list scrolls; the page stays where somebody reads.
  useEffect(() => {
    const box = list.current
    const card = box?.querySelector<HTMLElement>('[aria-current=true]')
    if (!box || !card) return
    const [b, c] = [box.getBoundingClientRect(), card.getBoundingClientRect()]
    if (c.top < b.top) box.scrollTop -= b.top - c.top
    else if (c.bottom > b.bottom) box.scrollTop += c.bottom - b.bottom
  }, [on])
  return (
    <aside class={`comments${s.panelOpen.value ? ' comments--open' : ''}`} aria-label={t('editor.changes')}>
      <Sides session={s} />
      <div class="comments__bar">
        <h2>{t('editor.changes')}</h2>
        <button type="button" class="btn btn--small btn--secondary comments__close" onClick={() => { s.panelOpen.value = false }}>{t('editor.comments.close')}</button>
      </div>
      {s.canEdit.value && !may && <p class="muted" role="status">{t('editor.changes.offline')}</p>}
      {all.length > 0 && <div class="changes__acts">
        <button type="button" class="btn btn--small btn--secondary" onClick={() => s.stepChange(-1)}>{t('editor.changes.previous')}</button>
        <button type="button" class="btn btn--small btn--secondary" onClick={() => s.stepChange(1)}>{t('editor.changes.next')}</button>
        {may && <>
          {chosen.length > 0 && <>
            <button type="button" class="btn btn--small btn--secondary" onMouseDown={e => e.preventDefault()} onClick={() => s.decide(chosen, true)}>{t('editor.changes.accept_selected', chosen.length)}</button>
            <button type="button" class="btn btn--small btn--secondary" onMouseDown={e => e.preventDefault()} onClick={() => s.decide(chosen, false)}>{t('editor.changes.reject_selected', chosen.length)}</button>
          </>}
          <button type="button" class="btn btn--small btn--secondary" onClick={() => { s.dialog.value = 'accept' }}>{t('editor.changes.accept_all')}</button>
          <button type="button" class="btn btn--small btn--secondary" onClick={() => { s.dialog.value = 'reject' }}>{t('editor.changes.reject_all')}</button>
        </>}
      </div>}
      {all.length === 0 && <p class="muted comments__none">{t(s.canEdit.value ? 'editor.changes.empty' : 'editor.changes.none')}</p>}
      <ol class="changes" ref={list} aria-label={plural('editor.changes.count', all.length)}>
        {cards(all, on)}
      </ol>
    </aside>
  )
}

/** Cards that say what they said before are the same ones: a letter typed moves all changes behind it, and there may be thousands. */
function useCards(s: Session) {
  const drawn = useRef(new Map<string, { says: string; card: ComponentChildren }>())
  return (all: readonly Entry[], on: string | null) => {
    const before = drawn.current
    drawn.current = new Map()
    return all.map((e, i) => {
      const says = JSON.stringify([i, e.key === on, e.parts.map(p => [p.how, p.text, p.styles])])
      const was = before.get(e.key)
      const now = was?.says === says ? was : { says, card: <Card key={e.key} entry={e} number={i + 1} on={e.key === on} session={s} /> }
      drawn.current.set(e.key, now)
      return now.card
    })
  }
}

function Card({ entry: e, number, on, session: s }: { entry: Entry; number: number; on: boolean; session: Session }) {
  const head = `change-${e.key}`
  const decide = (accept: boolean) => () => {
    s.decide([e.key], accept)
    // The button goes with its card; the focus goes to the next one's, or back to the text.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const next = document.querySelector<HTMLElement>('.changes [aria-current=true] .change__accept') ?? document.querySelector<HTMLElement>('.changes .change__accept')
      if (next) next.focus()
      else s.paper.value?.view.focus()
    }))
  }
  return (
    <li class={`card-c change${on ? ' card-c--on' : ''}`} aria-current={on ? 'true' : undefined} onClick={ev => { if (!(ev.target as Element).closest('button')) s.showChange(e.key, false) }}>
      <h3 class="card-c__head" id={head}><button type="button" class="card-c__go" onClick={() => s.showChange(e.key, true)}><span class="visually-hidden">{t('editor.change.show', number)} </span><span aria-hidden="true">{number}.</span> {s.nameOf(e.by) || t('editor.change.somebody')}</button></h3>
      {e.at > 0 && <p class="card-c__meta"><time dateTime={new Date(e.at).toISOString()}>{day(new Date(e.at).toISOString())}</time></p>}
      {e.parts.slice(0, 6).map((p, i) => <p key={i} class="change__part"><strong>{t(`editor.change.${p.how}`)}:</strong> <Text of={p} /></p>)}
      {e.parts.length > 6 && <p class="card-c__meta">{plural('editor.change.more', e.parts.length - 6)}</p>}
      {s.canDecide.value && <div class="card-c__acts">
        <button type="button" class="btn btn--small change__accept" aria-describedby={head} onClick={decide(true)}>{t('editor.change.accept')}</button>
        <button type="button" class="btn btn--small btn--secondary" aria-describedby={head} onClick={decide(false)}>{t('editor.change.reject')}</button>
      </div>}
    </li>
  )
}

function Text({ of: p }: { of: Part }) {
  if (p.styles) return <span>{t('editor.change.styles', styleName(p.styles[0]), styleName(p.styles[1]))}</span>
  // A mark that ends a paragraph says nothing to a screen reader.
  const pieces: ComponentChildren[] = cut(p.text).split('¶').flatMap((x, i) => (i ? [<span key={i}><span aria-hidden="true">¶</span><span class="visually-hidden"> {t('editor.change.paragraph')} </span></span>, x] : [x]))
  return p.how === 'ins' ? <ins>{pieces}</ins> : p.how === 'del' ? <del>{pieces}</del> : <span>{pieces}</span>
}

/** Deciding on all changes asks first. */
export function DecideDialog({ session: s }: { session: Session }) {
  const what = s.dialog.value
  if (what !== 'accept' && what !== 'reject') return null
  const close = () => { s.dialog.value = null; s.paper.value?.view.focus() }
  return (
    <Modal label={t(`editor.changes.${what}_all`)} onClose={close} role="alertdialog">
      <h2>{t(`editor.changes.${what}_all`)}</h2>
      <p>{plural(`editor.changes.${what}_sure`, s.changes.value.length)}</p>
      <div class="row">
        <button type="button" class="btn" onClick={() => s.decideAll(what === 'accept')}>{t(`editor.changes.${what}_all`)}</button>
        <button type="button" class="btn btn--secondary" onClick={close}>{t('editor.cancel')}</button>
      </div>
    </Modal>
  )
}
