import { beforeEach, describe, expect, test } from 'vitest'
import { age, now, span, until } from './time'

const at = Date.parse('2026-11-28T12:00:00Z')
const ago = (seconds: number) => new Date(at - seconds * 1000).toISOString()
beforeEach(() => (now.value = at))

describe('age', () => {
  test.each([
    [0, '0s'], [119, '119s'], [120, '2m'], [7199, '119m'], [7200, '2h'], [172_799, '47h'], [172_800, '2d'], [-5, '0s'],
  ])('of %i seconds is %s', (seconds, want) => expect(age(ago(seconds))).toBe(want))
  test('of nothing is a dash', () => expect(age(undefined)).toBe('–'))
})

test.each([
  [ago(60), ago(30), '30s'], [ago(60), undefined, '60s'], [undefined, ago(1), '–'], [ago(10), ago(60), '0s'],
])('from %s to %s are %s', (from, to, want) => expect(span(from, to)).toBe(want))

test.each([[undefined, '–'], [ago(5), 'now'], [ago(-300), 'in 5m']])('until %s: %s', (time, want) => expect(until(time)).toBe(want))
