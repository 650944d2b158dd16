import { shallowRef } from 'vue'
import { en } from './locales/en'

export type Key = keyof typeof en
export type Messages = Record<Key, string>
export type Language = 'en' | 'zh-Hans'

const key = 'kubeops.language'
const messages = shallowRef<Messages>(en)

export const language = shallowRef<Language>('en')

/** Text in the language of the page. {name} is replaced; "one|other" is chosen by the number n. */
export function t(name: Key, values: Record<string, string | number> = {}): string {
  let text = messages.value[name]
  if (text.includes('|')) {
    const [one = text, other = one] = text.split('|')
    text = new Intl.PluralRules(language.value).select(Number(values.n)) === 'one' ? one : other
  }
  return text.replace(/\{(\w+)\}/g, (whole, field: string) => (field in values ? String(values[field]) : whole))
}

async function use(next: Language): Promise<void> {
  messages.value = next === 'en' ? en : (await import('./locales/zh-Hans')).zh
  language.value = next
  document.documentElement.lang = next
}

export async function loadLanguage(): Promise<void> {
  const stored = localStorage.getItem(key)
  const chinese = stored === null ? navigator.language.toLowerCase().startsWith('zh') : stored === 'zh-Hans'
  await use(chinese ? 'zh-Hans' : 'en')
}

export async function switchLanguage(): Promise<void> {
  const next = language.value === 'en' ? 'zh-Hans' : 'en'
  localStorage.setItem(key, next)
  await use(next)
}
