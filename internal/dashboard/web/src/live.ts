import type { QueryClient } from '@tanstack/vue-query'
import { reactive, watch } from 'vue'
import { endSession, signedOut, type Overview, type Schemas } from './api'

/** What the page knows about its connection. since is the time of the last message. */
export const live = reactive({ state: 'connecting' as 'connecting' | 'live' | 'lost', since: 0, outdated: false, problem: '' })

type Change = { resource: string; namespace?: string; name?: string }
export type Row = Schemas['Row']
export type Column = Schemas['Column']
export type Line = Schemas['LogLine']
export type LiveRows = { columns?: Column[]; total: number; all: number; partial: boolean; cut: boolean; from: number; length: number; set: { i: number; row: Row }[] }
export type Message = {
  t: 'hello' | 'snap' | 'diff' | 'log' | 'tick' | 'end'
  id?: number
  at?: number
  rows?: LiveRows
  lines?: Line[]
  dropped?: number
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

/** What a part of a page asks for, and gets. */
export type Topic = { request: () => object; receive: (message: Message) => void; again?: () => void; timer?: number }
export type Subscription = { again: () => void; window: (values: object) => void; close: () => void }

class Socket {
  private socket: WebSocket | undefined
  private attempt = 0
  private build = ''
  private watchdog = 0
  private retry = 0
  private topic = 0
  private readonly topics = new Map<number, Topic>()

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

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }

  private subscribe(): void {
    this.topic += 1
    this.send({ op: 'sub', id: this.topic, topic: 'overview' })
  }

  /** Subscribe for a part of a page. It is subscribed again after a lost connection. */
  add(topic: Topic): Subscription {
    this.topic += 1
    let id = this.topic
    this.topics.set(id, topic)
    const again = () => {
      window.clearTimeout(topic.timer)
      this.topics.delete(id)
      this.send({ op: 'unsub', id })
      this.topic += 1
      id = this.topic
      this.topics.set(id, topic)
      this.send({ op: 'sub', id, ...topic.request() })
    }
    topic.again = again
    this.send({ op: 'sub', id, ...topic.request() })
    return {
      again,
      window: (values) => this.send({ op: 'window', id, ...values }),
      close: () => {
        window.clearTimeout(topic.timer)
        this.topics.delete(id)
        this.send({ op: 'unsub', id })
      },
    }
  }

  private deliver(message: Message): boolean {
    const topic = this.topics.get(message.id ?? 0)
    if (!topic) return false
    topic.receive(message)
    if (message.t === 'end' && message.retry) topic.timer = window.setTimeout(() => topic.again?.(), 1000 + Math.random() * 2000)
    return true
  }

  private receive(message: Message): void {
    this.expect()
    if (live.state === 'live') live.since = Date.now()
    if (this.deliver(message)) return
    switch (message.t) {
      case 'hello':
        live.outdated = this.build !== '' && message.build !== this.build
        this.build ||= message.build ?? ''
        this.subscribe()
        for (const topic of [...this.topics.values()]) topic.again?.()
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

let socket: Socket | undefined

/** Subscribe to rows or a log. Nothing is sent before the socket is open. */
export function follow(topic: Topic): Subscription {
  if (!socket) throw new Error('the socket was not started')
  return socket.add(topic)
}

/** Keep one socket open while the viewer is signed in. */
export function startLive(client: QueryClient): void {
  const started = new Socket(client)
  socket = started
  watch(
    signedOut,
    (out) => {
      if (out) {
        started.close()
        client.clear()
        live.state = 'connecting'
      } else {
        started.open()
      }
    },
    { immediate: true },
  )
  window.addEventListener('online', () => {
    if (live.state === 'lost' && !signedOut.value) started.open()
  })
}
