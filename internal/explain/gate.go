package explain

import (
	"crypto/sha256"
	"sync"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/redact"
)

// Gate redacts all text to and from a model. It is safe for concurrent use.
type Gate struct {
	redactor *redact.Redactor
	names    *redact.Names
	hide     func(string) string
	// masks is set if names are masked.
	masks bool

	mutex sync.Mutex
	// passed by the hash of the text.
	passed map[[sha256.Size]byte]passed
	// kept are the bytes of the texts in passed.
	kept int
}

// maxPassed are the bytes of redacted texts that a gate keeps, so that they are not redacted again. What a model reads is mostly sent once.
const maxPassed = 2 << 20

// passed is the redacted form of a text, with its names, and empty if it was not kept.
type passed struct {
	text   string
	counts redact.Counts
}

// NewGate creates a gate with the settings of an AIProvider; nil means defaults. If settings.Names is set, it masks the names in the
// report and further ones. hide removes the AIProvider's own credentials from a text; nil removes none.
func NewGate(
	settings *v1alpha1.AIRedaction, report *v1alpha1.InspectionReport, hide func(string) string, further ...string,
) (*Gate, error) {
	if settings == nil {
		settings = &v1alpha1.AIRedaction{}
	}
	redactor, err := redact.New(redact.Options{Emails: settings.Emails, IPs: settings.IPAddresses})
	if err != nil {
		return nil, err
	}
	g := &Gate{redactor: redactor, names: redact.NewNames(), hide: hide, passed: map[[sha256.Size]byte]passed{}}
	if settings.Names {
		g.masks = true
		var names []string
		for _, f := range report.Findings {
			names = append(names, f.Object.Namespace, f.Object.Name)
		}
		g.names = redact.NewNames(append(names, further...)...)
	}
	if hide == nil {
		g.hide = func(text string) string { return text }
	}
	return g, nil
}

// Out redacts a text for a model.
func (g *Gate) Out(text string) string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	sum := sha256.Sum256([]byte(text))
	p, known := g.passed[sum]
	if known && p.text != "" {
		return g.names.Mask(p.text)
	}
	clean, counts := g.redactor.Count(g.hide(text))
	if !known { // each text is counted once
		p.counts = counts
		if g.kept+len(clean) <= maxPassed {
			g.kept += len(clean)
			p.text = clean
		}
		g.passed[sum] = p
	}
	return g.names.Mask(clean)
}

// seen is a text as a model sees it, with the names restored. It counts nothing.
func (g *Gate) seen(text string) string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	p := g.passed[sha256.Sum256([]byte(text))]
	if p.text == "" {
		p.text = g.redactor.Text(g.hide(text))
	}
	return g.names.Restore(g.names.Mask(p.text))
}

// restore replaces masked names in an answer.
func (g *Gate) restore(text string) string { return g.names.Restore(text) }

// in redacts a text of an answer for a report.
func (g *Gate) in(text string) string { return g.redactor.Text(g.hide(text)) }

// Restore implements tools.Gate.
func (g *Gate) Restore(text string) string { return g.restore(text) }

// Learn implements tools.Gate: further names are masked from now on, if the settings say so.
func (g *Gate) Learn(names ...string) {
	if !g.masks {
		return
	}
	g.names.Add(names...)
}

// Counts of replacements in outgoing text by rule; each text is counted once.
func (g *Gate) Counts() map[string]int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	all := map[string]int{}
	for _, p := range g.passed {
		for rule, n := range p.counts {
			all[rule] += n
		}
	}
	return all
}
