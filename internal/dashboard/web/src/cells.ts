import { t } from './i18n'
import type { Column } from './live'
import { age } from './time'

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const ago = /\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ago\)/g

/** True for a cell that is a time: others of the same column can be texts, such as <none>. */
export function isTime(cell: string | undefined): cell is string {
  return cell !== undefined && time.test(cell)
}

/** A cell as it is shown now. The server sends times, so that ages grow without asking again. */
export function shown(cell: string | undefined, column: Column): string {
  if (column.type === 'age') return isTime(cell) ? age(cell) : (cell ?? '')
  return (cell ?? '').replace(ago, (_, at: string) => `(${t('ago', { age: age(at) })})`)
}
