import { QueryClient } from '@tanstack/vue-query'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { nextTick } from 'vue'

/** The server's end of a socket. */
class FakeSocket {
  static all: FakeSocket[] = []
  static readonly OPEN = 1
  readyState = FakeSocket.OPEN
  sent: Record<string, unknown>[] = []
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: (() => void) | undefined
  constructor(
    readonly url: URL,
    readonly protocol: string,
  ) {
    FakeSocket.all.push(this)
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }
  close(): void {
    this.readyState = 3
    this.onclose?.()
  }
  answer(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
}
const newest = () => FakeSocket.all.at(-1)!

async function start() {
  const { follow, live, startLive } = await import('./live')
  const { signedOut } = await import('./api')
  const client = new QueryClient()
  startLive(client)
  return { client, follow, live, signedOut }
}

beforeEach(() => {
  vi.resetModules()
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(1)
  FakeSocket.all = []
  const stored = new Map<string, string>()
  vi.stubGlobal('window', { setTimeout: (call: () => void, ms: number) => setTimeout(call, ms), clearTimeout: (id: number) => clearTimeout(id), addEventListener: () => undefined })
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.stubGlobal('location', { protocol: 'https:', href: 'https://kubeops.example.com/explore/pods?q=a' })
  vi.stubGlobal('sessionStorage', { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => stored.set(key, value), removeItem: (key: string) => stored.delete(key) })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('the socket', () => {
  test('subscribes to the overview, and is live with its first answer', async () => {
    const { live } = await start()
    expect(String(newest().url)).toBe('wss://kubeops.example.com/api/v1/live')
    newest().answer({ t: 'hello', build: 'one' })
    expect(newest().sent).toEqual([{ op: 'sub', id: 1, topic: 'overview' }])
    expect(live.state).toBe('connecting')
    newest().answer({ t: 'snap', id: 1 })
    expect(live.state).toBe('live')
  })

  test('connects again with growing pauses, at most 30 s', async () => {
    const { live } = await start()
    const pauses = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    for (const pause of pauses) {
      const before = FakeSocket.all.length
      newest().close()
      expect(live.state).toBe('lost')
      vi.advanceTimersByTime(pause - 1)
      expect(FakeSocket.all).toHaveLength(before)
      vi.advanceTimersByTime(1)
      expect(FakeSocket.all).toHaveLength(before + 1)
    }
  })

  test('is lost after 40 s without a message: a laptop that slept', async () => {
    const { live } = await start()
    newest().answer({ t: 'hello', build: 'one' })
    newest().answer({ t: 'snap', id: 1 })
    vi.advanceTimersByTime(39_000)
    newest().answer({ t: 'tick', at: 0 })
    vi.advanceTimersByTime(39_000)
    expect(live.state).toBe('live')
    vi.advanceTimersByTime(1000)
    expect(live.state).toBe('lost')
    vi.advanceTimersByTime(500)
    expect(FakeSocket.all).toHaveLength(2)
  })

  test('says that the dashboard was updated', async () => {
    const { live } = await start()
    newest().answer({ t: 'hello', build: 'one' })
    newest().close()
    vi.advanceTimersByTime(500)
    newest().answer({ t: 'hello', build: 'one' })
    expect(live.outdated).toBe(false)
    newest().answer({ t: 'hello', build: 'two' })
    expect(live.outdated).toBe(true)
  })

  test('closes while the viewer is signed out', async () => {
    const { signedOut } = await start()
    const first = newest()
    signedOut.value = true
    await nextTick()
    expect(first.readyState).toBe(3)
    vi.advanceTimersByTime(60_000)
    expect(FakeSocket.all).toHaveLength(1)
    signedOut.value = false
    await nextTick()
    expect(FakeSocket.all).toHaveLength(2)
  })

  test('ends the session when the server says so', async () => {
    const { signedOut } = await start()
    newest().answer({ t: 'end', problem: { status: 401, detail: 'The session has ended.', code: 'expired' } })
    expect(signedOut.value).toBe(true)
  })
})

describe('a topic', () => {
  test('gets its messages, and no others', async () => {
    const { follow } = await start()
    newest().answer({ t: 'hello', build: 'one' })
    const got: string[] = []
    const one = follow({ request: () => ({ topic: 'rows', resource: 'v1/pods' }), receive: (message) => got.push(message.t) })
    const { id } = newest().sent.at(-1) as { id: number }
    newest().answer({ t: 'snap', id })
    newest().answer({ t: 'diff', id: id + 1 })
    expect(got).toEqual(['snap'])
    one.window({ window: [0, 9] })
    expect(newest().sent.at(-1)).toEqual({ op: 'window', id, window: [0, 9] })
    one.close()
    expect(newest().sent.at(-1)).toEqual({ op: 'unsub', id })
    newest().answer({ t: 'diff', id })
    expect(got).toEqual(['snap'])
  })

  test('is subscribed again after a lost connection, with what it wants then', async () => {
    const { follow } = await start()
    newest().answer({ t: 'hello', build: 'one' })
    let since = 'a'
    follow({ request: () => ({ topic: 'log', since }), receive: () => undefined })
    since = 'b'
    newest().close()
    vi.advanceTimersByTime(500)
    newest().answer({ t: 'hello', build: 'one' })
    expect(newest().sent).toContainEqual(expect.objectContaining({ op: 'sub', topic: 'log', since: 'b' }))
  })

  test.each([[true, 1], [false, 0]])('that ended is tried again: %s', async (retry, times) => {
    const { follow } = await start()
    newest().answer({ t: 'hello', build: 'one' })
    follow({ request: () => ({ topic: 'rows' }), receive: () => undefined })
    const { id } = newest().sent.at(-1) as { id: number }
    newest().sent = []
    newest().answer({ t: 'end', id, retry, problem: { status: 502, detail: 'The API server.', code: 'unavailable' } })
    vi.advanceTimersByTime(3000)
    expect(newest().sent.filter((message) => message.op === 'sub')).toHaveLength(times)
  })
})

test('a change reads again what shows it', async () => {
  const { client } = await start()
  const read = vi.spyOn(client, 'invalidateQueries')
  newest().answer({ t: 'diff', id: 1, changed: [{ resource: 'pipelineruns' }, { resource: 'pipelines' }, { resource: 'unknown' }] })
  expect(read.mock.calls.map(([about]) => (about as { queryKey: string[] }).queryKey[0]).sort()).toEqual(['pipelines', 'run', 'runs'])
})
