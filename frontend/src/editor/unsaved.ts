import * as Y from 'yjs'

/** unsavedText returns the paragraphs that hold text of mine which the server never confirmed, whole, in text
 * order. acknowledged tells up to which clock a client id is confirmed; null when the id is not mine. */
export function unsavedText(text: Y.Text, acknowledged: (client: number) => number | null): string {
  const out: string[] = []
  let line = ''
  let mine = false
  const close = () => { if (mine && line.trim()) out.push(line); line = ''; mine = false }
  for (let item = text._start; item; item = item.right) {
    if (item.deleted || !item.countable) continue
    if (item.content instanceof Y.ContentType) { close(); continue }
    if (!(item.content instanceof Y.ContentString)) continue
    const upTo = acknowledged(item.id.client)
    if (upTo != null && item.id.clock + item.length > upTo) mine = true
    line += item.content.str
  }
  close()
  return out.join('\n')
}
