// Citations of an explanation are ids of evidence, or of lines in what a model read: e1, log1, t3, t3:5, t3:5-8.
const lines = /^(t\d+):(\d+)(?:-(\d+))?$/

/** Where a citation leads to: the id of an element of the finding. */
export function anchorOf(finding: string, citation: string): string {
  const found = lines.exec(citation)
  return found ? `evidence-${finding}-${found[1]}-${found[2]}` : `evidence-${finding}-${citation}`
}

/** Numbers of the lines of a call that citations name. */
export function citedLines(call: string, citations: string[]): Set<number> {
  const cited = new Set<number>()
  for (const citation of citations) {
    const found = lines.exec(citation)
    if (found?.[1] !== call) continue
    const first = Number(found[2])
    const last = Math.min(Number(found[3] ?? first), first + 1000)
    for (let line = first; line <= last; line++) cited.add(line)
  }
  return cited
}
