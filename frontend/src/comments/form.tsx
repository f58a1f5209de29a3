import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Session } from '../editor/session.ts'
import { t } from '../text.ts'
import { type CommentKind, KINDS } from './comment.ts'

/** What was typed and not sent survives a closed form. */
const kept = { text: '', reasoning: '', proposed: null as string | null, kind: 'advisory' as CommentKind }

const numbers = new WeakMap<object, number>()
let forms = 0

/** CommentForm is a new form for every place: one that is still being sent must not close, or lend its words to, the next. */
export function CommentForm({ session: s }: { session: Session }) {
  const target = s.composing.value
  if (!target) return null
  if (!numbers.has(target)) numbers.set(target, ++forms)
  return <Form key={numbers.get(target)} session={s} target={target} />
}

function Form({ session: s, target }: { session: Session; target: NonNullable<Session['composing']['value']> }) {
  const busy = useSignal(false)
  const wrong = useSignal<string | null>(null)
  const proposing = useSignal(kept.proposed !== null)
  const field = useRef<HTMLTextAreaElement>(null)
  // Before the next key arrives: an effect after painting let a quick typist overwrite the passage he meant to comment on.
  useLayoutEffect(() => { field.current?.focus(); field.current?.closest('form')?.scrollIntoView({ block: 'nearest' }) }, [target])
  const close = () => s.endComment()
  const remember = (f: HTMLFormElement) => {
    const d = new FormData(f)
    Object.assign(kept, { text: d.get('text') ?? '', reasoning: d.get('reasoning') ?? '', kind: d.get('kind') ?? 'advisory', proposed: proposing.value ? (d.get('proposed') ?? '') : null })
  }
  const send = async (e: SubmitEvent) => {
    e.preventDefault()
    const form = e.currentTarget as HTMLFormElement
    remember(form)
    if (!kept.text.trim() && kept.proposed === null) { wrong.value = t('editor.form.text_missing'); field.current?.focus(); return }
    busy.value = true
    const sent = { ...kept }
    Object.assign(kept, { text: '', reasoning: '', proposed: null, kind: 'advisory' })
    wrong.value = await s.addComment(sent.kind, sent.text.trim(), sent.reasoning.trim(), target.anchor ? sent.proposed : null)
    busy.value = false
    const stillHere = s.composing.value === target
    if (wrong.value) {
      if (stillHere || !kept.text) Object.assign(kept, sent)
      if (!stillHere) s.say(wrong.value)
      return
    }
    s.say(t('editor.said.sent'))
    if (stillHere) close()
  }
  const waiting = busy.value && s.connection.status.value.link !== 'open'
  return (
    <form class="card-c card-c--form" aria-label={t('editor.form.title')} onSubmit={send} onInput={e => remember(e.currentTarget)} onKeyDown={e => { if (e.key === 'Escape') { e.stopPropagation(); close() } }}>
      <h3>{t(target.anchor ? 'editor.form.title' : 'editor.form.whole')}</h3>
      {target.quote && <blockquote class="card-c__quote">{target.quote}</blockquote>}
      <fieldset class="kinds"><legend>{t('editor.form.kind')}</legend>
        {KINDS.map(k => <label key={k} class="check"><input type="radio" name="kind" value={k} defaultChecked={k === kept.kind} /> {t(`editor.kind.${k}`)}</label>)}
      </fieldset>
      <div class="field"><label for="comment-text">{t('editor.form.text')}</label><textarea id="comment-text" name="text" rows={3} ref={field} defaultValue={kept.text} aria-invalid={wrong.value !== null} aria-describedby={wrong.value ? 'comment-wrong' : undefined} /></div>
      {target.anchor && !proposing.value && <button type="button" class="link" onClick={() => { proposing.value = true }}>{t('editor.form.propose')}</button>}
      {target.anchor && proposing.value && (
        <div class="field"><label for="comment-proposed">{t('editor.form.proposed')}</label><textarea id="comment-proposed" name="proposed" rows={3} defaultValue={kept.proposed ?? target.quote} />
          <button type="button" class="link" onClick={() => { proposing.value = false }}>{t('editor.form.propose_not')}</button></div>
      )}
      <div class="field"><label for="comment-reasoning">{t('editor.form.reasoning')}</label><textarea id="comment-reasoning" name="reasoning" rows={2} defaultValue={kept.reasoning} /></div>
      {wrong.value && <p class="error" id="comment-wrong" role="alert">{wrong.value}</p>}
      {waiting && <p class="muted" role="status">{t('editor.form.waiting')}</p>}
      <div class="row"><button type="submit" class="btn" disabled={busy.value}>{t('editor.form.send')}</button><button type="button" class="btn btn--secondary" onClick={close}>{t('editor.cancel')}</button></div>
    </form>
  )
}
