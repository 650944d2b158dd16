import createClient from 'openapi-fetch'
import { ref } from 'vue'
import type { components, paths } from './schema'

export type Schemas = components['schemas']
export type Overview = Schemas['Overview']
export type Cause = Schemas['Cause']
export type Inspection = Schemas['Inspection']
export type Report = Schemas['Report']
export type Finding = Schemas['Finding']
export type Backend = Schemas['Backend']
export type Cluster = Schemas['Cluster']
export type Stage = Schemas['Stage']
export type BundleCluster = Schemas['BundleCluster']
export type Readiness = Schemas['Readiness']
export type Problem = Schemas['ErrorModel']

/** True once the server asked for a sign-in. */
export const signedOut = ref(false)

const atProvider = 'kubeops.provider'

/** Remember in this tab that the session is of a provider, which may renew it without input. */
export function rememberProvider(issuer: string): void {
  if (issuer) sessionStorage.setItem(atProvider, issuer)
  else sessionStorage.removeItem(atProvider)
}

/** The session has ended. It is renewed once; if the provider wants input, it returns to the sign-in page. */
export function endSession(): void {
  const renew = sessionStorage.getItem(atProvider) !== null
  sessionStorage.removeItem(atProvider)
  if (renew) toProvider(true)
  else signedOut.value = true
}

export const api = createClient<paths>({ baseUrl: '/' })

/** A failed request, with what the server said about it. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly request: string,
  ) {
    super(detail)
  }
}

type Answer<T> = { data?: T; error?: Problem; response: Response }

/** The body of an answer, or a Failure. */
export async function body<T>(answer: Promise<Answer<T>>): Promise<T> {
  let found: Answer<T>
  try {
    found = await answer
  } catch {
    throw new Failure(0, '', '')
  }
  if (found.data !== undefined) return found.data
  if (found.response.status === 401) endSession()
  throw new Failure(found.response.status, found.error?.detail ?? '', found.response.headers.get('X-Request-Id') ?? '')
}

/** Sign in with a token. The answer is empty, or what is wrong. */
export async function signIn(token: string): Promise<string> {
  const answer = await fetch('/signin', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }) })
  if (answer.ok) return ''
  const problem = (await answer.json()) as Problem
  return problem.detail ?? problem.title ?? String(answer.status)
}

/** The host of the provider to sign in at, or empty. */
export async function provider(): Promise<string> {
  const answer = await fetch('/signin/methods')
  return answer.ok ? ((await answer.json()) as { provider: string }).provider : ''
}

/** Sign in at the provider, and return to this page. A silent sign-in uses a session of the provider, and shows no page of it. */
export function toProvider(silent: boolean): void {
  const here = new URL(location.href)
  here.searchParams.delete('signin')
  here.searchParams.delete('request')
  location.assign(`/signin/openid?${new URLSearchParams({ page: here.pathname + here.search, ...(silent ? { silent: 'true' } : {}) }).toString()}`)
}

/** Sign out here, and at the provider if the sign-in was there. */
export async function signOut(): Promise<void> {
  const answer = await fetch('/signout', { method: 'POST' })
  rememberProvider('')
  const away = answer.status === 200 ? ((await answer.json()) as { redirect: string }).redirect : ''
  if (away) location.assign(away)
  else signedOut.value = true
}
