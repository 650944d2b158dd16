import type { Schemas } from './api'

type Chart = Schemas['UsageChart']
type Series = Schemas['UsageSeries']

/** A value in its unit, with three digits. */
export function amount(value: number, unit: Chart['unit']): string {
  if (unit === 'cores') return value < 1 ? `${Math.round(value * 1000)}m` : value.toFixed(2)
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), units.length - 1)
  return `${Number((value / 1024 ** power).toPrecision(3))} ${units[power]}`
}

/** The line of a series in a box, whose bottom is 0. */
export function line(chart: Chart, series: Series, width: number, height: number): string {
  const times = chart.series.flatMap((one) => one.points.map((point) => Date.parse(point.time)))
  const start = Math.min(...times)
  const span = Math.max(...times) - start || 1
  const most = highest(chart) || 1
  return series.points.map((point) => `${round(((Date.parse(point.time) - start) / span) * width)},${round(height - (Math.max(0, point.value) / most) * height)}`).join(' ')
}

/** The highest value of a chart. */
export function highest(chart: Chart): number {
  return Math.max(0, ...chart.series.flatMap((one) => one.points.map((point) => point.value)))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
