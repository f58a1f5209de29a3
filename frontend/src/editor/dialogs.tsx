import { useEffect, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { t } from '../text.ts'
import { linkAt, setLink } from './commands.ts'
import type { Session } from './session.ts'

/** A modal dialog of the platform: focus stays in it, Escape closes it, focus returns. */
export function Modal({ label, onClose, children, role }: { label: string; onClose: () => void; children: preact.ComponentChildren; role?: 'alertdialog' }) {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => { const d = ref.current; d?.showModal(); return () => d?.close() }, [])
  return <dialog class="dialog" ref={ref} role={role} aria-label={label} onCancel={e => { e.preventDefault(); onClose() }}>{children}</dialog>
}

export function LinkDialog({ session: s }: { session: Session }) {
  const paper = s.paper.value
  const wrong = useSignal(false)
  if (!paper || s.dialog.value !== 'link') return null
  const old = linkAt(paper.view.state)
  const close = () => { s.dialog.value = null; wrong.value = false; paper.view.focus() }
  const put = (href: string) => {
    // The dialog holds the focus; the page must have it again before the command shows the caret.
    if (setLink(href)(paper.view.state, paper.view.dispatch.bind(paper.view))) close()
    else wrong.value = true
  }
  return (
    <Modal label={t('editor.link.title')} onClose={close}>
      <form onSubmit={e => { e.preventDefault(); put(String(new FormData(e.currentTarget).get('href') ?? '')) }}>
        <h2>{t('editor.link.title')}</h2>
        <div class="field">
          <label for="link-href">{t('editor.link.address')}</label>
          <input id="link-href" name="href" type="text" inputMode="url" autoComplete="off" required={!old} defaultValue={old?.href ?? ''} aria-invalid={wrong.value} aria-describedby={wrong.value ? 'link-error' : 'link-hint'} />
          <p class="muted" id="link-hint">{t('editor.link.hint')}</p>
          {wrong.value && <p class="error" id="link-error" role="alert">{t('editor.link.wrong')}</p>}
        </div>
        <div class="row">
          <button type="submit" class="btn">{t('editor.link.put')}</button>
          {old && <button type="button" class="btn btn--secondary" onClick={() => put('')}>{t('editor.link.remove')}</button>}
          <button type="button" class="btn btn--secondary" onClick={close}>{t('editor.cancel')}</button>
        </div>
      </form>
    </Modal>
  )
}

/** Unsaved offers the text that never reached the server, to take it elsewhere as a proposal. */
export function Unsaved({ text }: { text: string }) {
  const done = useSignal(false)
  const ref = useRef<HTMLTextAreaElement>(null)
  if (!text) return null
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); done.value = true } catch { ref.current?.select(); done.value = document.execCommand('copy') }
  }
  return (
    <div class="unsaved">
      <label for="unsaved">{t('editor.unsaved.label')}</label>
      <textarea id="unsaved" ref={ref} readOnly rows={4} value={text} />
      <div class="row"><button type="button" class="btn" onClick={copy}>{t('editor.unsaved.copy')}</button><span role="status">{done.value ? t('editor.unsaved.copied') : ''}</span></div>
    </div>
  )
}

/** Nothing was confirmed for 20 s: whoever goes on writing must know it. Closes itself when saving works again. */
export function StuckDialog({ session: s }: { session: Session }) {
  const seen = useSignal(false)
  const stuck = s.connection.status.value.stuck && !s.frozen.value
  useEffect(() => { if (!stuck) seen.value = false }, [stuck])
  if (!stuck || seen.value) return null
  const close = () => { seen.value = true; s.paper.value?.view.focus() }
  return (
    <Modal label={t('editor.stuck.title')} onClose={close} role="alertdialog">
      <h2>{t('editor.stuck.title')}</h2>
      <p>{t('editor.stuck.text')}</p>
      <Unsaved text={s.unsaved()} />
      <div class="row"><button type="button" class="btn" onClick={close}>{t('editor.stuck.go_on')}</button></div>
    </Modal>
  )
}
