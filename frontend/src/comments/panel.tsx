import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Session } from '../editor/session.ts'
import { plural, t } from '../text.ts'
import { Card } from './card.tsx'
import { Sides } from '../tracked/panel.tsx'
import { CommentForm } from './form.tsx'
import type { Filter } from './store.ts'

const GAP = 10

/** The comments beside the text: in its order, each card at the height of its passage where there is room. */
export function CommentPanel({ session: s }: { session: Session }) {
  const c = s.comments.value
  const box = useRef<HTMLDivElement>(null)
  const measure = useSignal(0)
  const shown = c?.shown.value ?? []
  const active = c?.active.value ?? null
  const composing = s.composing.value

  useEffect(() => {
    const again = () => { measure.value++ }
    const ro = new ResizeObserver(again)
    const paper = s.paper.value?.view.dom
    if (paper) ro.observe(paper)
    for (const e of box.current?.querySelectorAll('.card-c') ?? []) ro.observe(e)
    return () => ro.disconnect()
  }, [shown, active, s.paper.value])

  useLayoutEffect(() => { void measure.value; align(s, box.current) })

  if (!c) return <aside class="comments" aria-label={t('editor.comments')} />
  const counts = { open: c.open.value, mine: c.list.value.filter(x => x.mine).length, all: c.list.value.length }
  return (
    <aside class={`comments${s.panelOpen.value ? ' comments--open' : ''}`} aria-label={t('editor.comments')}>
      <Sides session={s} />
      <div class="comments__bar">
        <h2>{t('editor.comments')}</h2>
        <button type="button" class="link comments__whole" disabled={!s.canComment.value} onClick={() => s.startComment(true)}>{t('editor.comments.whole_new')}</button>
        <button type="button" class="btn btn--small btn--secondary comments__close" onClick={() => { s.panelOpen.value = false }}>{t('editor.comments.close')}</button>
        <div class="comments__filters">
          <label><span class="visually-hidden">{t('editor.comments.show')}</span>
            <select value={c.filter.value} onChange={e => { c.filter.value = e.currentTarget.value as Filter }}>
              {(['open', 'mine', 'all'] as const).map(f => <option key={f} value={f}>{t(`editor.comments.filter.${f}`)} ({counts[f]})</option>)}
              {c.units.value.length > 1 && <optgroup label={t('editor.comments.filter.unit')}>{c.units.value.map(u => <option key={u} value={`unit:${u}`}>{u}</option>)}</optgroup>}
            </select>
          </label>
          <label class="check"><input type="checkbox" checked={c.major.value} onChange={e => { c.major.value = e.currentTarget.checked }} /> {t('editor.comments.filter.major')}</label>
        </div>
      </div>
      {composing && <CommentForm session={s} />}
      {shown.length === 0 && !composing && <p class="muted comments__none">{t(s.canComment.value ? 'editor.comments.empty' : 'editor.comments.none')}</p>}
      <div class="comments__cards" ref={box} role="list" aria-label={plural('editor.comments.shown', shown.length)}>
        {shown.map(x => <Card key={x.id} comment={x} session={s} />)}
      </div>
    </aside>
  )
}

/** align puts each card beside its passage; a card that would cover the one above goes below it. The active card
 * gets its place first. Written through CSSOM, for the page's policy forbids style attributes. */
function align(s: Session, box: HTMLElement | null) {
  const view = s.paper.value?.view
  const c = s.comments.value
  if (!box || !view || !c) return
  const cards = [...box.querySelectorAll<HTMLElement>('.card-c')]
  const wide = getComputedStyle(box).position === 'relative'
  if (!wide) { for (const e of cards) e.style.transform = ''; box.style.height = ''; return }
  const top = box.getBoundingClientRect().top
  const wants = cards.map(e => {
    const p = c.places.value.get(e.dataset.id ?? '')
    if (!p) return null
    try { return view.coordsAtPos(Math.min(view.state.doc.content.size, c.binding.pmPos(view.state.doc, p.from))).top - top - 8 } catch { return null }
  })
  const heights = cards.map(e => e.offsetHeight)
  const at: number[] = []
  let y = 0
  cards.forEach((_e, i) => { y = Math.max(y, wants[i] ?? y); at.push(y); y += heights[i] + GAP })
  const on = cards.findIndex(e => e.dataset.id === c.active.value)
  if (on >= 0 && wants[on] != null && at[on] > wants[on]!) {
    at[on] = Math.max(0, wants[on]!)
    for (let i = on - 1, floor = at[on]; i >= 0; i--) { at[i] = Math.min(at[i], floor - heights[i] - GAP); floor = at[i] }
    if (at[0] < 0) { y = 0; cards.forEach((_e, i) => { at[i] = Math.max(y, at[i]); y = at[i] + heights[i] + GAP }) }
    for (let i = on + 1; i < cards.length; i++) at[i] = Math.max(wants[i] ?? 0, at[i - 1] + heights[i - 1] + GAP)
  }
  cards.forEach((e, i) => { e.style.transform = `translateY(${Math.round(at[i])}px)` })
  const last = cards.length - 1
  box.style.height = last < 0 ? '' : `${Math.round(at[last] + heights[last] + GAP)}px`
}
