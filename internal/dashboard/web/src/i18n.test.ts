import { afterEach, expect, test, vi } from 'vitest'
import { language, switchLanguage, t } from './i18n'
import { en } from './locales/en'
import { zh } from './locales/zh-Hans'

afterEach(() => vi.unstubAllGlobals())

test('texts have values and plurals', () => {
  expect(t('notLive', { age: '5m' })).toBe('not live for 5m')
  expect(t('problemsCount', { n: 1 })).toBe('1 problem')
  expect(t('problemsCount', { n: 0 })).toBe('0 problems')
  expect(t('noMatch', {})).toContain('{q}')
  expect(t('noMatch', { q: '$& {q} <b>' })).toBe('Nothing matches "$& {q} <b>".')
})

test('both languages have the same values in each text', () => {
  const values = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort()
  for (const key of Object.keys(en) as (keyof typeof en)[]) expect([key, values(zh[key])]).toEqual([key, values(en[key])])
})

test('the language is switched, and remembered', async () => {
  const stored = new Map<string, string>()
  vi.stubGlobal('localStorage', { setItem: (key: string, value: string) => stored.set(key, value) })
  vi.stubGlobal('document', { documentElement: {} })
  await switchLanguage()
  expect([language.value, stored.get('kubeops.language'), t('overview')]).toEqual(['zh-Hans', 'zh-Hans', zh.overview])
  await switchLanguage()
  expect([language.value, t('overview')]).toEqual(['en', en.overview])
})
