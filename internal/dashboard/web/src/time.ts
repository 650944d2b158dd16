import { ref } from 'vue'
import { language, t } from './i18n'

/** The time of the page. It advances once a second, which keeps ages right without reading anything. */
export const now = ref(Date.now())
setInterval(() => (now.value = Date.now()), 1000)

/** Age as kubectl prints it: 12s, 5m, 3h, 2d. */
export function age(time: string | number | undefined): string {
  if (time === undefined) return '–'
  const seconds = Math.max(0, Math.round((now.value - new Date(time).getTime()) / 1000))
  if (seconds < 120) return t('seconds', { n: seconds })
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return t('minutes', { n: minutes })
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return t('hours', { n: hours })
  return t('days', { n: Math.floor(hours / 24) })
}

/** Time between two moments, or from one to now. */
export function span(from: string | undefined, to: string | undefined): string {
  if (from === undefined) return '–'
  const end = to === undefined ? now.value : new Date(to).getTime()
  return age(now.value - Math.max(0, end - new Date(from).getTime()))
}

/** Time until something in the future. */
export function until(time: string | undefined): string {
  if (time === undefined) return '–'
  const ahead = new Date(time).getTime() - now.value
  return ahead <= 0 ? t('due') : t('in', { age: age(now.value - ahead) })
}

export function exact(time: string | number | undefined): string {
  if (time === undefined) return ''
  return new Intl.DateTimeFormat(language.value, { dateStyle: 'medium', timeStyle: 'long' }).format(new Date(time))
}

export function clock(time: string | number): string {
  const at = new Date(time)
  const today = new Date(now.value).toDateString() === at.toDateString()
  return new Intl.DateTimeFormat(language.value, today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }).format(at)
}
