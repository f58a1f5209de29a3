// All sentences of the editor, from the dictionaries that the Go templates share.
import cs from '../i18n/editor.cs.json'
import en from '../i18n/editor.en.json'

export type Lang = 'cs' | 'en'
export type Key = keyof typeof cs
type Counted = { [K in Key]: K extends `${infer Base}.many` ? Base : never }[Key]

const dictionaries: Record<Lang, Record<Key, string>> = { cs, en }
let lang: Lang = 'cs'

/** setLang chooses the language of everything that follows; an unknown one means Czech. */
export function setLang(l: string | undefined) { lang = l === 'en' ? 'en' : 'cs' }
export const locale = () => (lang === 'en' ? 'en-GB' : 'cs-CZ')

/** t returns the sentence under key, {0}, {1} … filled with args. */
export function t(key: Key, ...args: (string | number)[]): string {
  return dictionaries[lang][key].replace(/\{(\d)\}/g, (whole, i) => String(args[Number(i)] ?? whole))
}

/** plural picks key.one, key.few or key.many and fills {0} with n, written the way of the language. */
export function plural(key: Counted, n: number): string {
  const form = n === 1 ? 'one' : lang === 'cs' && n >= 2 && n <= 4 ? 'few' : 'many'
  return t(`${key}.${form}` as Key, new Intl.NumberFormat(locale()).format(n))
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Making a format takes longer than using it a hundred times, and a list of changes shows thousands of dates. */
function formatOf(name: string, options: Intl.DateTimeFormatOptions) {
  const key = `${locale()} ${name}`
  let f = formats.get(key)
  if (!f) formats.set(key, f = new Intl.DateTimeFormat(locale(), options))
  return f
}

export const clock = (ms: number) => formatOf('clock', { hour: 'numeric', minute: '2-digit' }).format(ms)

/** day writes a moment of this year without the year. */
export function day(iso: string): string {
  const d = new Date(iso)
  if (Number.isNaN(d.getTime())) return ''
  const shown = { day: 'numeric', month: 'numeric', hour: 'numeric', minute: '2-digit' } as const
  return d.getFullYear() === new Date().getFullYear() ? formatOf('day', shown).format(d) : formatOf('date', { ...shown, year: 'numeric' }).format(d)
}
