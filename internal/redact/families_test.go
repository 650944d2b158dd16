package redact

import (
	"fmt"
	"testing"

	"kubeops.io/kubeops/internal/testkit/corpus"
)

// TestRecallOfFamilies measures the share of secrets that are replaced, and of harmless texts that are changed, for each family of
// texts. docs/redaction.md quotes its output.
func TestRecallOfFamilies(t *testing.T) {
	r := redactor(t)
	for _, split := range []string{corpus.Tuned, corpus.Unseen} {
		families, err := corpus.Families(split, each, 1)
		if err != nil {
			t.Fatal(err)
		}
		var all measured
		for _, family := range families {
			one := measure(t, r, family)
			t.Logf("%s %s: %s", split, family.Name, one)
			all.add(one)
		}
		t.Logf("%s: %s", split, all)
	}
}

// measured counts secrets, those that remain, harmless texts, and those that were changed.
type measured struct{ secrets, shown, harmless, hurt int }

func (m *measured) add(o measured) {
	m.secrets += o.secrets
	m.shown += o.shown
	m.harmless += o.harmless
	m.hurt += o.hurt
}

func (m measured) recall() float64 { return 1 - float64(m.shown)/float64(max(m.secrets, 1)) }

func (m measured) hurtRate() float64 { return float64(m.hurt) / float64(max(m.harmless, 1)) }

func (m measured) String() string {
	return fmt.Sprintf("recall %.4f of %d secrets, %.4f of %d harmless texts changed", m.recall(), m.secrets, m.hurtRate(), m.harmless)
}

func measure(t *testing.T, r *Redactor, family corpus.Family) (m measured) {
	for _, sample := range family.Secrets {
		got := r.Text(sample.Text)
		for _, secret := range sample.Secrets {
			m.secrets++
			if corpus.Shows(got, secret) {
				m.shown++
				t.Logf("%s shows a secret: %q became %q", family.Name, sample.Template, got)
			}
		}
	}
	for _, sample := range family.Harmless {
		m.harmless++
		if got := r.Text(sample.Text); got != sample.Text {
			m.hurt++
			t.Logf("%s is changed: %q became %q", family.Name, sample.Template, got)
		}
	}
	return m
}
