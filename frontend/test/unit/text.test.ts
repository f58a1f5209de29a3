import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import cs from '../../i18n/editor.cs.json'
import en from '../../i18n/editor.en.json'

const holes = (s: string) => [...s.matchAll(/\{\d\}/g)].map(m => m[0]).sort()

test('both languages have the same sentences with the same gaps', () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(cs).sort())
  for (const k of Object.keys(cs) as (keyof typeof cs)[]) expect({ k, holes: holes(en[k]) }).toEqual({ k, holes: holes(cs[k]) })
})

test('every sentence in the dictionary is used', () => {
  const read = (dir: string): string => readdirSync(new URL(`../../src/${dir}`, import.meta.url)).filter(f => /\.tsx?$/.test(f)).map(f => readFileSync(new URL(`../../src/${dir}/${f}`, import.meta.url), 'utf8')).join('\n')
  const source = read('editor') + read('comments') + read('tracked')
  const computed = [/^editor\.kind\./, /^editor\.outcome\./, /^editor\.comments\.filter\./, /^editor\.change\.(ins|del|was)$/, /^editor\.changes\.(accept|reject)_(all|sure)/]
  const unused = Object.keys(cs).filter(k => !source.includes(`'${k}'`) && !source.includes(`'${k.replace(/\.(one|few|many)$/, '')}'`) && !computed.some(r => r.test(k)))
  expect(unused).toEqual([])
})
