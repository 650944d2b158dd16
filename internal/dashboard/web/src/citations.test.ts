import { describe, expect, it } from 'vitest'
import { anchorOf, citedLines } from './citations'

describe('anchorOf', () => {
  it('leads to evidence and to the first line that is cited', () => {
    expect(anchorOf('f', 'e1')).toBe('evidence-f-e1')
    expect(anchorOf('f', 't3')).toBe('evidence-f-t3')
    expect(anchorOf('f', 't3:5')).toBe('evidence-f-t3-5')
    expect(anchorOf('f', 't3:5-8')).toBe('evidence-f-t3-5')
    expect(anchorOf('f', 'log1:5')).toBe('evidence-f-log1:5')
  })
})

describe('citedLines', () => {
  it('are those of one call', () => {
    expect([...citedLines('t3', ['t3:5-7', 't1:1', 't3', 'e1', 't3:9'])]).toEqual([5, 6, 7, 9])
    expect(citedLines('t3', ['t3:1-999999999']).size).toBe(1001)
    expect(citedLines('t3', ['t3:8-5']).size).toBe(0)
  })
})
