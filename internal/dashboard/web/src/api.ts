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
  if (found.response.status === 401) signedOut.value = true
  throw new Failure(found.response.status, found.error?.detail ?? '', found.response.headers.get('X-Request-Id') ?? '')
}

/** Sign in with a token. The answer is empty, or what is wrong. */
export async function signIn(token: string): Promise<string> {
  const answer = await fetch('/signin', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }) })
  if (answer.ok) return ''
  const problem = (await answer.json()) as Problem
  return problem.detail ?? problem.title ?? String(answer.status)
}

export async function signOut(): Promise<void> {
  await fetch('/signout', { method: 'POST' })
  signedOut.value = true
}
