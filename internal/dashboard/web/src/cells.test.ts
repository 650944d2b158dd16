import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isTime, shown } from './cells'
import { now } from './time'

const at = Date.parse('2026-11-28T12:00:00Z')
beforeEach(() => (now.value = at))
afterEach(() => vi.restoreAllMocks())

test.each([
  ['age', '2026-11-28T11:58:30Z', '90s'],
  ['age', '2026-11-26T12:00:00Z', '2d'],
  ['age', '<none>', '<none>'],
  ['age', '', ''],
  ['age', undefined, ''],
  ['text', '3 (2026-11-28T11:50:00Z ago)', '3 (10m ago)'],
  ['text', '2026-11-28T11:50:00Z', '2026-11-28T11:50:00Z'],
  ['text', '<script> (long ago)', '<script> (long ago)'],
  ['number', '7', '7'],
] as const)('a cell of type %s with %s is shown as %s', (type, cell, want) => {
  expect(shown(cell, { name: 'Column', type, wide: false })).toBe(want)
})

test('an age grows with the time of the page', () => {
  const column = { name: 'Last Seen', type: 'age', wide: false } as const
  expect(shown('2026-11-28T11:59:00Z', column)).toBe('60s')
  now.value = at + 3_600_000
  expect(shown('2026-11-28T11:59:00Z', column)).toBe('61m')
})

test.each([['2026-11-28T11:50:00Z', true], ['2026-11-28', false], ['5m', false], [undefined, false]])('%s is a time: %s', (cell, want) => {
  expect(isTime(cell)).toBe(want)
})
