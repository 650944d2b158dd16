import { expect, test } from 'vitest'
import { amount, highest, line } from './usage'

test.each([
  [0, 'cores', '0m'], [0.0251, 'cores', '25m'], [1.5, 'cores', '1.50'], [0, 'bytes', '0 B'], [1023, 'bytes', '1020 B'], [1536, 'bytes', '1.5 KiB'],
  [134_217_728, 'bytes', '128 MiB'], [2 ** 60, 'bytes', '1050000 TiB'],
] as const)('%d %s are %s', (value, unit, want) => expect(amount(value, unit)).toBe(want))

function chart(...series: number[][]): Parameters<typeof line>[0] {
  return {
    name: 'cpu', unit: 'cores', pods: series.length,
    series: series.map((values, i) => ({ pod: `p${i}`, last: values.at(-1) ?? 0, points: values.map((value, at) => ({ time: new Date(at * 1000).toISOString(), value })) })),
  }
}

test.each([
  ['a line', chart([0, 1, 2]), '0,100 50,50 100,0'],
  ['beside a higher one', chart([1, 1, 1], [4, 0, 0]), '0,75 50,75 100,75'],
  ['one point', chart([3]), '0,0'],
  ['zeros', chart([0, 0]), '0,100 100,100'],
  ['no points', chart([]), ''],
  ['below zero', chart([-1, 1]), '0,100 100,0'],
])('%s', (_, all, want) => expect(line(all, all.series[0]!, 100, 100)).toBe(want))

test('the highest value of nothing is 0', () => expect(highest(chart())).toBe(0))
