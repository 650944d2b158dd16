import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// The build is committed, so it must be the same on every machine. No source maps, no inlined files (Content-Security-Policy).
export default defineConfig({
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
})
