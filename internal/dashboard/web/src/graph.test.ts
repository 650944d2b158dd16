import { describe, expect, test } from 'vitest'
import type { Finding } from './api'
import { layout, maxEffects, maxNodes, namespaces, neighbor, trees } from './graph'

/** A finding by its depth and name, in a namespace. */
function finding(depth: number, name: string, namespace = 'shop'): Finding {
  return {
    id: name, check: 'check', severity: 'high', previousSeverity: '', state: '', returns: 0, cluster: '', message: '', evidence: [], remedy: '', causedBy: '', depth, affects: 0,
    object: { apiVersion: 'v1', kind: 'Pod', namespace, name },
  }
}
const chain = [finding(0, 'config'), finding(1, 'deployment'), finding(2, 'service'), finding(3, 'ingress'), finding(1, 'job'), finding(0, 'node')]
const none = new Set<string>()

describe('trees', () => {
  test.each([
    ['nothing', [], []],
    ['roots', [finding(0, 'a'), finding(0, 'b')], ['a', 'b']],
    ['effects', chain, ['config(deployment(service(ingress))job)', 'node']],
    ['a depth that skips', [finding(0, 'a'), finding(5, 'b'), finding(1, 'c')], ['a(bc)']],
    ['an effect without a cause', [finding(3, 'a'), finding(-1, 'b')], ['a', 'b']],
  ])('%s', (_, findings, want) => {
    const print = (tree: ReturnType<typeof trees>[number]): string => tree.finding.id + (tree.effects.length ? `(${tree.effects.map(print).join('')})` : '')
    expect(trees(findings).map(print)).toEqual(want)
  })
})

describe('layout', () => {
  const places = (findings: Finding[], namespace = '', opened = none) => layout(findings, namespace, opened).nodes.map((node) => `${node.finding.id} ${node.column},${node.row}`)
  test('a cause is in the middle of its effects, and left of them', () => {
    expect(places(chain)).toEqual(['config 0,0.5', 'deployment 1,0', 'service 2,0', 'ingress 3,0', 'job 1,1', 'node 0,2'])
  })
  test('no two nodes are at the same place', () => {
    const findings = Array.from({ length: 150 }, (_, i) => finding((i * 7) % 5, `f${i}`))
    const all = places(findings).map((place) => place.split(' ')[1])
    expect(new Set(all).size).toBe(all.length)
  })
  test('a namespace has the trees that touch it, whole', () => {
    const findings = [...chain, finding(0, 'volume', 'lab'), finding(1, 'claim', 'shop'), finding(0, 'other', 'lab')]
    expect(places(findings, 'lab').map((place) => place.split(' ')[0])).toEqual(['volume', 'claim', 'other'])
    expect(namespaces(findings)).toEqual(['lab', 'shop'])
    expect(namespaces([finding(0, 'node', '')])).toEqual([])
  })
  test('many effects are folded until they are opened', () => {
    const findings = [finding(0, 'node'), ...Array.from({ length: 20 }, (_, i) => finding(1, `pod-${i}`)), finding(2, 'of the last')]
    const folded = layout(findings, '', none)
    expect(folded.nodes).toHaveLength(maxEffects)
    expect(folded.folds).toEqual([{ parent: 'node', column: 1, row: maxEffects - 1, count: 20 - (maxEffects - 1) + 1 }])
    expect(folded.rows).toBe(maxEffects)
    const open = layout(findings, '', new Set(['node']))
    expect(open.nodes).toHaveLength(22)
    expect(open.folds).toEqual([])
  })
  test('a tree of 1,000 and 1,000 trees have a limit of nodes, and say what is left', () => {
    const tree = [finding(0, 'root'), ...Array.from({ length: 1000 }, (_, i) => finding(1, `f${i}`))]
    const one = layout(tree, '', new Set(['root']))
    expect([one.nodes.length, one.left]).toEqual([maxNodes, 1001 - maxNodes])
    const many = layout(Array.from({ length: 1000 }, (_, i) => finding(0, `f${i}`)), '', none)
    expect([many.nodes.length, many.left]).toEqual([maxNodes, 1000 - maxNodes])
    const deep = layout(Array.from({ length: 1000 }, (_, i) => finding(i, `f${i}`)), '', none)
    expect([deep.nodes.length, deep.left]).toEqual([maxNodes, 1000 - maxNodes])
  })
})

test.each([
  ['config', 'ArrowRight', 'deployment'],
  ['deployment', 'ArrowLeft', 'config'],
  ['config', 'ArrowLeft', undefined],
  ['ingress', 'ArrowRight', undefined],
  ['deployment', 'ArrowDown', 'job'],
  ['job', 'ArrowUp', 'deployment'],
  ['config', 'ArrowUp', undefined],
  ['config', 'ArrowDown', 'node'],
  ['config', 'Enter', undefined],
  ['missing', 'ArrowDown', undefined],
])('from %s, %s leads to %s', (from, key, to) => {
  expect(neighbor(layout(chain, '', none), from, key)).toBe(to)
})
