// Where the causes of a report are in a graph: roots on the left, and what they cause right of them. Findings have one cause each, so the
// graph is a forest, and its layout takes one pass.
import type { Finding } from './api'

/** Where a node is: its column, and its row in units of a node. */
export type Place = { column: number; row: number }
export type Node = Place & { finding: Finding; parent: string; children: string[] }
/** Effects of one cause that are folded into one node. */
export type Fold = Place & { parent: string; count: number }
export type Graph = { nodes: Node[]; folds: Fold[]; columns: number; rows: number; left: number }

/** Nodes of one graph, and effects of one cause that are shown before the others are folded. */
export const maxNodes = 200
export const maxEffects = 6

type Tree = { finding: Finding; effects: Tree[] }

/** The findings as trees. They come in the order of the trees, each with its depth. */
export function trees(findings: Finding[]): Tree[] {
  const roots: Tree[] = []
  const path: Tree[] = []
  for (const finding of findings) {
    const tree = { finding, effects: [] }
    path.length = Math.min(Math.max(finding.depth, 0), path.length)
    ;(path.at(-1)?.effects ?? roots).push(tree)
    path.push(tree)
  }
  return roots
}

function some(tree: Tree, holds: (finding: Finding) => boolean): boolean {
  return holds(tree.finding) || tree.effects.some((effect) => some(effect, holds))
}

/** Namespaces of findings, by name. */
export function namespaces(findings: Finding[]): string[] {
  return [...new Set(findings.map((finding) => finding.object.namespace))].filter(Boolean).sort()
}

/** The graph of the causes that have something to do with a namespace, or of all. Folds of the opened causes are open. */
export function layout(findings: Finding[], namespace: string, opened: Set<string>): Graph {
  const graph: Graph = { nodes: [], folds: [], columns: 0, rows: 0, left: 0 }
  let free = 0 // the next row
  const place = (tree: Tree, column: number, parent: string): Place => {
    const { id } = tree.finding
    const node: Node = { finding: tree.finding, parent, children: [], column, row: free }
    graph.nodes.push(node)
    graph.columns = Math.max(graph.columns, column + 1)
    const whole = tree.effects.length <= maxEffects || opened.has(id)
    const rows: number[] = []
    for (const effect of whole ? tree.effects : tree.effects.slice(0, maxEffects - 1)) {
      if (graph.nodes.length >= maxNodes) {
        graph.left += size(effect)
        continue
      }
      node.children.push(effect.finding.id)
      rows.push(place(effect, column + 1, id).row)
    }
    if (!whole) {
      const folded = tree.effects.slice(maxEffects - 1)
      graph.folds.push({ parent: id, column: column + 1, row: free, count: folded.reduce((sum, effect) => sum + size(effect), 0) })
      graph.columns = Math.max(graph.columns, column + 2)
      rows.push(free)
      free += 1
    }
    if (rows.length === 0) free += 1
    else node.row = ((rows[0] ?? 0) + (rows.at(-1) ?? 0)) / 2
    return node
  }
  for (const tree of trees(findings)) {
    if (namespace && !some(tree, (finding) => finding.object.namespace === namespace)) continue
    if (graph.nodes.length >= maxNodes) graph.left += size(tree)
    else place(tree, 0, '')
  }
  graph.rows = free
  return graph
}

function size(tree: Tree): number {
  return 1 + tree.effects.reduce((sum, effect) => sum + size(effect), 0)
}

/** The node that an arrow key leads to, or undefined. */
export function neighbor(graph: Graph, from: string, key: string): string | undefined {
  const at = graph.nodes.find((node) => node.finding.id === from)
  if (!at) return undefined
  if (key === 'ArrowLeft') return at.parent || undefined
  if (key === 'ArrowRight') return at.children[0]
  const column = graph.nodes.filter((node) => node.column === at.column).sort((a, b) => a.row - b.row)
  const step = key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0
  return step ? column[column.indexOf(at) + step]?.finding.id : undefined
}
