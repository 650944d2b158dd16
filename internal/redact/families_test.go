package redact

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/corpus"
)

// TestMostSecretsOfEachFamilyAreFound measures the share of secrets that are replaced, and of harmless texts that are changed, for each
// family of texts. docs/redaction.md quotes its output. It shows no text of the unseen families: no rule is fixed for them.
func TestMostSecretsOfEachFamilyAreFound(t *testing.T) {
	r := redactor(t)
	for split, mostHurt := range map[string]float64{corpus.Tuned: 0.01, corpus.Unseen: 0.01} {
		families, err := corpus.Families(split, each, 1)
		if err != nil {
			t.Fatal(err)
		}
		var all measured
		for _, family := range families {
			one := measure(t, r, family, split == corpus.Tuned)
			t.Logf("%s %s: %s", split, family.Name, one)
			all.add(one)
		}
		t.Logf("%s: %s", split, all)
		if all.secrets < 1000 || all.recall() < 0.95 {
			t.Errorf("%s: %s, want a recall of at least 0.95 on 1000 secrets", split, all)
		}
		if all.harmless < 500 || all.hurtRate() > mostHurt {
			t.Errorf("%s: %s, want at most %.2f of 500 changed", split, all, mostHurt)
		}
	}
}

// TestHarmlessTextOfTheRepositoryIsKept redacts the documentation, the manifests and the test data of this project.
func TestHarmlessTextOfTheRepositoryIsKept(t *testing.T) {
	r := redactor(t)
	lines := 0
	changed := 0
	for _, root := range []string{"../../docs", "../../config", "../inspect", "../logroute", "../provider", "../cli"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) == "" || !strings.Contains(".md.yaml.yml.txt.log.json.html",
				filepath.Ext(path)) {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			before := strings.Split(string(content), "\n")
			after := strings.Split(r.Text(string(content)), "\n")
			lines += len(before)
			for i, line := range before {
				if i >= len(after) || line != after[i] {
					changed++
					t.Logf("%s:%d is changed: %.200q", path, i+1, line)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d lines are changed", changed, lines)
	if lines < 20_000 || changed*100 > lines {
		t.Errorf("%d of %d lines are changed, want at most 1 %% of 20000", changed, lines)
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

func measure(t *testing.T, r *Redactor, family corpus.Family, show bool) (m measured) {
	for _, sample := range family.Secrets {
		got := r.Text(sample.Text)
		for _, secret := range sample.Secrets {
			m.secrets++
			if !corpus.Shows(got, secret) {
				continue
			}
			m.shown++
			if show {
				t.Logf("%s shows a secret: %q became %q", family.Name, sample.Template, got)
			}
		}
	}
	for _, sample := range family.Harmless {
		m.harmless++
		got := r.Text(sample.Text)
		if got == sample.Text {
			continue
		}
		m.hurt++
		if show {
			t.Logf("%s is changed: %q became %q", family.Name, sample.Template, got)
		}
	}
	return m
}
