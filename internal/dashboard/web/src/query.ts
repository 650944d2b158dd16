import { computed } from 'vue'
import { useRoute } from 'vue-router'

/** What a list asks the server for, from the URL. */
export function useListQuery(limit: number) {
  const route = useRoute()
  return computed(() => {
    const text = (name: string) => (typeof route.query[name] === 'string' && route.query[name] ? { [name]: route.query[name] } : {})
    const offset = Number(route.query.offset)
    return { ...text('q'), ...text('sort'), ...text('namespace'), limit, ...(offset > 0 ? { offset } : {}) } as {
      q?: string
      sort?: string
      namespace?: string
      limit: number
      offset?: number
    }
  })
}
