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

export const clock = (ms: number) => new Intl.DateTimeFormat(locale(), { hour: 'numeric', minute: '2-digit' }).format(ms)
export function day(iso: string): string {
  const d = new Date(iso)
  return Number.isNaN(d.getTime()) ? '' : new Intl.DateTimeFormat(locale(), { day: 'numeric', month: 'numeric', hour: 'numeric', minute: '2-digit' }).format(d)
}
