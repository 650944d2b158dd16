import { ref } from 'vue'

export type Theme = 'system' | 'light' | 'dark'
const key = 'kubeops.theme'
const stored = localStorage.getItem(key)

/** The viewer's choice, kept by the browser. */
export const theme = ref<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system')

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme.value
}

export function nextTheme(): void {
  theme.value = theme.value === 'system' ? 'dark' : theme.value === 'dark' ? 'light' : 'system'
  localStorage.setItem(key, theme.value)
  applyTheme()
}
