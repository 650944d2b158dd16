import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { createApp } from 'vue'
import App from './App.vue'
import { loadLanguage } from './i18n'
import { startLive } from './live'
import { router } from './router'
import { applyTheme } from './theme'
import './style.css'

applyTheme()
// The socket says when to read again; no timer does.
const client = new QueryClient({
  defaultOptions: { queries: { staleTime: Infinity, refetchOnWindowFocus: false, refetchOnReconnect: false, retry: false } },
})
const app = createApp(App)
app.use(VueQueryPlugin, { queryClient: client })
app.use(router)
await loadLanguage()
startLive(client)
app.mount('#app')
