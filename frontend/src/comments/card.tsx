import { useSignal } from '@preact/signals'
import type { Session } from '../editor/session.ts'
import { day, t } from '../text.ts'
import { type Comment, OUTCOMES, type Outcome } from './comment.ts'

type Open = 'reply' | 'settle' | 'edit' | null

/** One comment: who, when, what kind, the passage, the text, the proposed wording, replies and how it was settled. */
export function Card({ comment: c, session: s }: { comment: Comment; session: Session }) {
  const store = s.comments.value!
  const on = store.active.value === c.id
  const open = useSignal<Open>(null)
  const wrong = useSignal<string | null>(null)
  const busy = useSignal(false)
  const place = store.places.value.get(c.id)
  const orphan = (c.anchor !== null || c.quote !== '') && !c.applied && (!place || place.how === 'block')
  const act = async (what: Promise<string | null>) => {
    busy.value = true
    wrong.value = await what
    busy.value = false
    if (!wrong.value) open.value = null
  }
  const head = `comment-${c.id}`
  return (
    <div role="listitem" class={`card-c card-c--${c.kind}${on ? ' card-c--on' : ''}${c.state !== 'open' ? ' card-c--done' : ''}`} data-id={c.id} aria-current={on ? 'true' : undefined}
      onClick={e => { if (!(e.target as Element).closest('button, a, input, textarea, select, label')) s.show(c.id, false) }}>
      <article aria-labelledby={head}>
        <h3 class="card-c__head" id={head}>
          <button type="button" class="card-c__go" onClick={() => s.show(c.id, true)}><span class="visually-hidden">{t('editor.card.show', c.number)} </span><span aria-hidden="true">{c.number}.</span> {c.author.name}</button>
          <span class={`kind kind--${c.kind}`}>{t(`editor.kind.${c.kind}`)}</span>
        </h3>
        <p class="card-c__meta">{c.author.unit}{c.author.unit && ' · '}<time dateTime={c.at}>{day(c.at)}</time></p>
        {c.working && <p class="card-c__meta">{t('editor.card.working')}</p>}
        {c.quote && c.proposed === null && <blockquote class="card-c__quote">{c.quote}</blockquote>}
        {c.anchor === null && !c.quote && <p class="card-c__meta">{t('editor.card.whole')}</p>}
        {c.proposed !== null && <p class="card-c__wording"><span class="visually-hidden">{t('editor.card.instead')} </span><del>{c.quote}</del> <span class="visually-hidden">{t('editor.card.proposed')} </span>{c.proposed ? <ins>{c.proposed}</ins> : <em>{t('editor.card.leave_out')}</em>}</p>}
        {open.value === 'edit'
          ? <Lines label={t('editor.form.text')} value={c.text} send={t('editor.card.save')} busy={busy.value} onSend={v => act(s.edit(c.id, v))} onCancel={() => { open.value = null }} id={`e-${c.id}`} />
          : c.text && <p class="card-c__text">{c.text}</p>}
        {c.reasoning && <p class="card-c__text"><span class="muted">{t('editor.card.reasoning')}</span> {c.reasoning}</p>}
        {orphan && c.state === 'open' && (
          <p class="card-c__orphan">{t(place ? 'editor.card.near' : 'editor.card.orphan')}{(c.mine || s.canEdit.value) && <> <button type="button" class="link" onMouseDown={e => e.preventDefault()} onClick={() => act(s.reanchor(c.id))}>{t('editor.card.reanchor')}</button></>}</p>
        )}
        {c.replies.length > 0 && <ul class="card-c__replies" aria-label={t('editor.card.replies')}>{c.replies.map(r => <li key={r.id}><strong>{r.author.name}</strong> <time class="card-c__meta" dateTime={r.at}>{day(r.at)}</time><br />{r.text}</li>)}</ul>}
        {c.attachments.length > 0 && <ul class="card-c__replies" aria-label={t('editor.card.attachments')}>{c.attachments.map(a => <li key={a.id}><a href={a.url} download>{a.name}</a></li>)}</ul>}
        {c.state === 'withdrawn' && <p class="card-c__outcome">{t('editor.card.withdrawn')}</p>}
        {c.settlement && <p class="card-c__outcome"><strong>{outcome(c.settlement.outcome)}</strong>{c.applied && ` – ${t('editor.card.applied')}`}<br /><span class="card-c__meta">{c.settlement.by.name} · <time dateTime={c.settlement.at}>{day(c.settlement.at)}</time></span>{c.settlement.reasoning && <><br />{c.settlement.reasoning}</>}</p>}
        {wrong.value && <p class="error" role="alert">{wrong.value}</p>}
        {open.value === 'reply' && <Lines label={t('editor.card.reply_text')} value="" send={t('editor.form.send')} busy={busy.value} onSend={v => act(s.reply(c.id, v))} onCancel={() => { open.value = null }} id={`r-${c.id}`} />}
        {open.value === 'settle' && <Settle comment={c} busy={busy.value} onSend={(o, why) => act(s.settle(c.id, o, why))} onCancel={() => { open.value = null }} />}
        {c.state === 'open' && open.value === null && (
          <div class="card-c__acts">
            {s.canEdit.value && c.proposed !== null && !orphan && <button type="button" class="btn btn--small" disabled={busy.value} onClick={() => act(s.accept(c.id))}>{t('editor.card.accept')}</button>}
            {s.hello.value?.right === 'edit' && <button type="button" class="btn btn--small btn--secondary" onClick={() => { open.value = 'settle' }}>{t('editor.card.settle')}</button>}
            {s.canComment.value && <button type="button" class="link" onClick={() => { open.value = 'reply' }}>{t('editor.card.reply')}</button>}
            {c.mine && <a class="link" href={c.page} target="_blank" rel="noopener">{t('editor.card.attach')}</a>}
            {c.mine && <button type="button" class="link" onClick={() => { open.value = 'edit' }}>{t('editor.card.edit')}</button>}
            {c.mine && <button type="button" class="link" disabled={busy.value} onClick={() => act(s.withdraw(c.id))}>{t('editor.card.withdraw')}</button>}
          </div>
        )}
      </article>
    </div>
  )
}

const known: readonly string[] = [...OUTCOMES, 'withdrawn']
const outcome = (o: Outcome) => (known.includes(o) ? t(`editor.outcome.${o}`) : o)

function Lines({ id, label, value, send, busy, onSend, onCancel }: { id: string; label: string; value: string; send: string; busy: boolean; onSend: (v: string) => void; onCancel: () => void }) {
  return (
    <form class="card-c__form" onSubmit={e => { e.preventDefault(); const v = String(new FormData(e.currentTarget).get('v') ?? '').trim(); if (v) onSend(v) }} onKeyDown={e => { if (e.key === 'Escape') onCancel() }}>
      <label for={id}>{label}</label>
      <textarea id={id} name="v" rows={3} required defaultValue={value} ref={e => { if (e && !e.dataset.seen) { e.dataset.seen = '1'; e.focus() } }} />
      <div class="row"><button type="submit" class="btn btn--small" disabled={busy}>{send}</button><button type="button" class="btn btn--small btn--secondary" onClick={onCancel}>{t('editor.cancel')}</button></div>
    </form>
  )
}

function Settle({ comment: c, busy, onSend, onCancel }: { comment: Comment; busy: boolean; onSend: (o: Outcome, why: string) => void; onCancel: () => void }) {
  const chosen = useSignal<Outcome>('accepted')
  return (
    <form class="card-c__form" onSubmit={e => { e.preventDefault(); onSend(chosen.value, String(new FormData(e.currentTarget).get('why') ?? '').trim()) }} onKeyDown={e => { if (e.key === 'Escape') onCancel() }}>
      <label for={`o-${c.id}`}>{t('editor.settle.outcome')}</label>
      <select id={`o-${c.id}`} value={chosen.value} onChange={e => { chosen.value = e.currentTarget.value as Outcome }} ref={e => { if (e && !e.dataset.seen) { e.dataset.seen = '1'; e.focus() } }}>
        {OUTCOMES.map(o => <option key={o} value={o}>{t(`editor.outcome.${o}`)}</option>)}
      </select>
      <label for={`w-${c.id}`}>{t(chosen.value === 'accepted' ? 'editor.settle.why' : 'editor.settle.why_required')}</label>
      <textarea id={`w-${c.id}`} name="why" rows={3} required={chosen.value !== 'accepted'} />
      <div class="row"><button type="submit" class="btn btn--small" disabled={busy}>{t('editor.settle.send')}</button><button type="button" class="btn btn--small btn--secondary" onClick={onCancel}>{t('editor.cancel')}</button></div>
    </form>
  )
}
