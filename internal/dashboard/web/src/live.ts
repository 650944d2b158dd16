import type { QueryClient } from '@tanstack/vue-query'
import { reactive, watch } from 'vue'
import { endSession, signedOut, type Overview } from './api'

/** What the page knows about its connection. since is the time of the last message. */
export const live = reactive({ state: 'connecting' as 'connecting' | 'live' | 'lost', since: 0, outdated: false, problem: '' })

type Change = { resource: string; namespace?: string; name?: string }
type Message = {
  t: 'hello' | 'snap' | 'diff' | 'tick' | 'end'
  build?: string
  overview?: Overview
  changed?: Change[]
  problem?: { status: number; detail: string; code: string }
  retry?: boolean
}

// Which pages show a resource.
const shown: Record<string, string[]> = {
  inspections: ['inspections', 'report', 'clusters'],
  inspectionreports: ['report', 'clusters'],
  metricsbackends: ['backends'],
  logbackends: ['backends'],
  aiproviders: ['backends'],
  cdproviders: ['backends'],
  ciproviders: ['backends'],
  pipelines: ['pipelines'],
  pipelineruns: ['runs', 'run', 'pipelines'],
  resourcebundles: ['bundles', 'bundle'],
  notificationchannels: ['channels'],
  managedclusters: ['clusters'],
}
const silence = 40_000 // the server sends a tick every 15 s
const slowest = 30_000

class Socket {
  private socket: WebSocket | undefined
  private attempt = 0
  private build = ''
  private watchdog = 0
  private retry = 0
  private topic = 0

  constructor(private readonly client: QueryClient) {}

  open(): void {
    window.clearTimeout(this.retry)
    const url = new URL('/api/v1/live', location.href)
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(url, 'kubeops.live.v1')
    this.socket = socket
    socket.onmessage = (event) => this.receive(JSON.parse(event.data as string) as Message)
    socket.onclose = () => {
      if (this.socket === socket) this.lose()
    }
    this.expect()
  }

  close(): void {
    const socket = this.socket
    this.socket = undefined
    window.clearTimeout(this.watchdog)
    window.clearTimeout(this.retry)
    socket?.close()
  }

  private subscribe(): void {
    this.topic += 1
    this.socket?.send(JSON.stringify({ op: 'sub', id: this.topic, topic: 'overview' }))
  }

  private receive(message: Message): void {
    this.expect()
    if (live.state === 'live') live.since = Date.now()
    switch (message.t) {
      case 'hello':
        live.outdated = this.build !== '' && message.build !== this.build
        this.build ||= message.build ?? ''
        this.subscribe()
        break
      case 'snap':
        // What happened before, or while the connection was lost, is unknown: everything is read again.
        if (message.overview) this.client.setQueryData(['overview'], message.overview)
        void this.client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'overview' })
        this.attempt = 0
        Object.assign(live, { state: 'live', since: Date.now(), problem: '' })
        break
      case 'diff':
        if (message.overview) this.client.setQueryData(['overview'], message.overview)
        for (const key of new Set((message.changed ?? []).flatMap((change) => shown[change.resource] ?? []))) {
          void this.client.invalidateQueries({ queryKey: [key] })
        }
        break
      case 'end':
        live.problem = message.problem?.detail ?? ''
        if (message.problem?.code === 'expired') endSession()
        else if (message.retry) this.resubscribe()
        break
    }
  }

  private expect(): void {
    window.clearTimeout(this.watchdog)
    this.watchdog = window.setTimeout(() => this.lose(), silence)
  }

  /** Milliseconds until the next attempt: from 0.5 to 30 s, with jitter. */
  private delay(): number {
    this.attempt += 1
    return Math.min(500 * 2 ** (this.attempt - 1), slowest) * (0.5 + Math.random() / 2)
  }

  private resubscribe(): void {
    live.state = 'lost'
    window.clearTimeout(this.retry)
    this.retry = window.setTimeout(() => this.subscribe(), this.delay())
  }

  private lose(): void {
    this.close()
    live.state = 'lost'
    this.retry = window.setTimeout(() => this.open(), this.delay())
  }
}

/** Keep one socket open while the viewer is signed in. */
export function startLive(client: QueryClient): void {
  const socket = new Socket(client)
  watch(
    signedOut,
    (out) => {
      if (out) {
        socket.close()
        client.clear()
        live.state = 'connecting'
      } else {
        socket.open()
      }
    },
    { immediate: true },
  )
  window.addEventListener('online', () => {
    if (live.state === 'lost' && !signedOut.value) socket.open()
  })
}
