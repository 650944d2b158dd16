// Package lastline understands the last log lines of a container: a line with a known saying is joined with the spec, Services,
// policies and roles that prove what it means.
package lastline

import (
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/check/reach"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// maxLines from the end of a log are read.
	maxLines = 40
	// maxLine is how many bytes of one line are read.
	maxLine = 2 << 10
)

// Saying is what a log line means.
type Saying struct {
	// Kind of the saying, for tests: exec-format, host-unreachable.
	Kind string
	// Why completes a sentence about the container, in words that are stable between runs.
	Why string
	// Fix is what to do.
	Fix remedy.Text
	// Evidence proves it, beside the line.
	Evidence []check.Evidence
	// Culprits are other objects to blame.
	Culprits []facts.Ref
	// guessed is set if the line does not name what the facts are about.
	guessed bool
}

// Reader reads log lines of the containers of one graph. It is not safe for concurrent use.
type Reader struct {
	g      *facts.Graph
	index  *reach.Index
	access *access.Resolver
}

// NewReader returns a reader for a graph.
func NewReader(g *facts.Graph, params check.Params) *Reader {
	return &Reader{g: g, index: reach.NewIndex(g, params), access: access.NewResolver(g)}
}

// line is a line of the log of a container.
type line struct {
	*Reader
	pod       *facts.PodNode
	container facts.Container
	text      string
	// lower is text in lower case.
	lower string
}

// Read returns what the last line with a known saying means. It is false for a log without one, and for one whose meaning the facts do
// not bear out.
func (r *Reader) Read(pod *facts.PodNode, container facts.Container, log string) (Saying, bool) {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	lines = lines[max(0, len(lines)-maxLines):]
	for i := len(lines) - 1; i >= 0; i-- {
		text := lines[i]
		if len(text) > maxLine {
			text = text[:maxLine]
		}
		l := line{r, pod, container, text, strings.ToLower(text)}
		for _, known := range sayings() {
			if s, ok := known.explain(l); ok {
				s.Kind = known.kind
				return s, true
			}
		}
	}
	return Saying{}, false
}

// Proven reports whether the meaning of a line was derived from facts alone, so that it holds for a line of any level. An object that
// does not exist may be optional, or of another namespace, and a host that only the configuration names may be another one. A token that
// is not mounted is often missed on purpose: programs that also run outside of a cluster say so at INFO and go on.
func (s Saying) Proven() bool {
	switch s.Kind {
	case "service-link", "forbidden", "host-unreachable":
		return !s.guessed
	default:
		return false
	}
}

// Lift puts what a line means into the headline of a finding about the container.
func Lift(f check.Finding, s Saying) check.Finding {
	if strings.Contains(f.Message, s.Why) {
		return f
	}
	f.Message = strings.TrimSuffix(f.Message, ".") + ": " + s.Why + "."
	if s.Fix != "" {
		f.Remediation = s.Fix
	}
	f.Evidence = append(f.Evidence[:len(f.Evidence):len(f.Evidence)], s.Evidence...)
	f.Culprits = append(f.Culprits[:len(f.Culprits):len(f.Culprits)], s.Culprits...)
	return f
}

// saying is a kind of line, and what explains it. The first that explains a line counts.
type saying struct {
	kind    string
	explain func(line) (Saying, bool)
}

// sayings are ordered from specific to general: a token that is not mounted is a missing file as well.
func sayings() []saying {
	return []saying{
		{"exec-format", execFormat},
		{"token-not-mounted", tokenNotMounted},
		{"service-link", serviceLink},
		{"forbidden", forbidden},
		{"object-missing", objectMissing},
		{"own-host", ownHost},
		{"host-unreachable", hostUnreachable},
		{"certificate", certificate},
		{"password-rejected", passwordRejected},
		{"variable-missing", variableMissing},
		{"read-only", readOnly},
		{"port-privileged", portPrivileged},
		{"permission-denied", permissionDenied},
		{"ownership", ownership},
		{"address-in-use", addressInUse},
		{"disk-full", diskFull},
		{"files-exhausted", filesExhausted},
		{"heap-exhausted", heapExhausted},
		{"process-killed", processKilled},
		{"library-missing", libraryMissing},
		{"module-missing", moduleMissing},
		{"table-missing", tableMissing},
		{"flag-unknown", flagUnknown},
		{"file-missing", fileMissing},
	}
}

// has reports whether the line contains one of the texts, which are in lower case.
func (l line) has(texts ...string) bool {
	for _, text := range texts {
		if strings.Contains(l.lower, text) {
			return true
		}
	}
	return false
}

// after is the word that follows one of the openings, which are in lower case; empty without one.
func (l line) after(openings ...string) string {
	for _, opening := range openings {
		if i := strings.Index(l.lower, opening); i >= 0 && len(l.lower) == len(l.text) {
			if word := firstWord(l.text[i+len(opening):]); word != "" {
				return word
			}
		}
	}
	return ""
}

// firstWord is the first word of a text without quotes and punctuation around it, at most maxWord bytes of plain characters.
func firstWord(text string) string {
	const maxWord = 128
	text = strings.TrimLeft(text, " \t\"'`:=([{<\\")
	end := strings.IndexAny(text, " \t\"'`,;()[]{}<>\\")
	if end >= 0 {
		text = text[:end]
	}
	text = strings.TrimRight(text, ".:!?")
	if text == "" || len(text) > maxWord || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return text
}

// path is the first absolute path in the line; empty without one. A path in a URL or an address is none.
func (l line) path() string {
	for i := 0; i < len(l.text); i++ {
		if l.text[i] != '/' || i > 0 && !strings.ContainsRune(" \t\"'`=:([", rune(l.text[i-1])) || strings.HasPrefix(l.text[i:], "//") {
			continue
		}
		if word := firstWord(l.text[i:]); len(word) > 1 {
			return word
		}
	}
	return ""
}
