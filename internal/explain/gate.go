package explain

import (
	"sync"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/redact"
)

// Gate is what every text passes on its way to a model, and back. It is safe for concurrent use.
type Gate struct {
	redactor *redact.Redactor
	names    *redact.Names
	hide     func(string) string

	mutex  sync.Mutex
	passed map[string]passed
}

// passed is a text that went out.
type passed struct {
	text   string
	counts redact.Counts
}

// NewGate opens a gate with the settings of an AIProvider; nil are the defaults. The report is the one whose names are masked when
// they are asked to be. Hide takes the AIProvider's own credentials out of a text; nil hides none.
func NewGate(settings *v1alpha1.AIRedaction, report *v1alpha1.InspectionReport, hide func(string) string) (*Gate, error) {
	if settings == nil {
		settings = &v1alpha1.AIRedaction{}
	}
	redactor, err := redact.New(redact.Options{Emails: settings.Emails, IPs: settings.IPAddresses})
	if err != nil {
		return nil, err
	}
	g := &Gate{redactor: redactor, names: redact.NewNames(), hide: hide, passed: map[string]passed{}}
	if settings.Names {
		var names []string
		for _, f := range report.Findings {
			names = append(names, f.Object.Namespace, f.Object.Name)
		}
		g.names = redact.NewNames(names...)
	}
	if hide == nil {
		g.hide = func(text string) string { return text }
	}
	return g, nil
}

// Out is a text as a model may see it.
func (g *Gate) Out(text string) string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	p, known := g.passed[text]
	if !known {
		p.text, p.counts = g.redactor.Count(g.hide(text))
		p.text = g.names.Mask(p.text)
		g.passed[text] = p
	}
	return p.text
}

// restore puts the names back into what a model said.
func (g *Gate) restore(text string) string { return g.names.Restore(text) }

// in is a text of a model as a report may hold it.
func (g *Gate) in(text string) string { return g.redactor.Text(g.hide(text)) }

// Counts of what was replaced on the way out by rule, each text counted once.
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
