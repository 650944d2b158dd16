package redact

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"kubeops.io/kubeops/internal/testkit/corpus"
)

// maxPasses is how often a text may change when it is redacted again.
const maxPasses = 4

// texts of the corpus, one from each template of both splits.
func texts(t testing.TB) (all []string) {
	t.Helper()
	for _, split := range []string{corpus.Tuned, corpus.Unseen} {
		families, err := corpus.Families(split, 1, 9)
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, sample := range slices.Concat(family.Secrets, family.Harmless) {
				all = append(all, sample.Text)
			}
		}
	}
	return all
}

// pseudonyms of a text, in order.
func pseudonyms(text string) []string {
	return regexp.MustCompile(`\[redacted:[0-9a-f]{4}\]`).FindAllString(text, -1)
}

// settles redacts a text again until nothing changes. No pass may change or remove a pseudonym.
func settles(t *testing.T, r *Redactor, text string) (passes int) {
	t.Helper()
	for once := r.Text(text); ; passes++ {
		again := r.Text(once)
		if again == once {
			return passes
		}
		left := pseudonyms(again)
		for _, p := range pseudonyms(once) {
			i := slices.Index(left, p)
			if i < 0 {
				t.Errorf("%q became %q and then %q: pseudonym %s is lost", text, once, again, p)
				return passes
			}
			left = slices.Delete(left, i, i+1)
		}
		if passes == maxPasses {
			t.Errorf("%q still changes after %d passes: %q became %q", text, passes, once, again)
			return passes
		}
		once = again
	}
}

// TestTextsOfTheCorpusAreRedactedOnce tests that a second pass changes nothing: reports are redacted when they are written and when they
// are sent.
func TestTextsOfTheCorpusAreRedactedOnce(t *testing.T) {
	r := redactor(t)
	for _, text := range texts(t) {
		if passes := settles(t, r, text); passes > 0 {
			t.Errorf("a second pass changes the result of %q: %q", text, r.Text(text))
		}
	}
}

// TestHardlyAnyBrokenTextChangesAgain cuts texts of the corpus and joins the parts, which breaks quotes, names and values.
func TestHardlyAnyBrokenTextChangesAgain(t *testing.T) {
	const broken = 20_000
	r := redactor(t)
	all := texts(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same texts each time are meant
	changed := 0
	for range broken {
		first, second := all[random.IntN(len(all))], all[random.IntN(len(all))]
		text := first[:random.IntN(len(first)+1)] + second[random.IntN(len(second)+1):]
		if settles(t, r, text) > 0 {
			changed++
		}
	}
	t.Logf("a second pass changes %d of %d broken texts", changed, broken)
	if changed > broken/1000 {
		t.Errorf("a second pass changes %d of %d broken texts, want at most 1 of 1000", changed, broken)
	}
}

func FuzzText(f *testing.F) {
	f.Add("password=abc123 postgres://a:b@c -----BEGIN PRIVATE KEY-----")
	f.Add(`{"token":"`)
	for _, text := range texts(f) {
		f.Add(text)
	}
	r := redactor(f)
	f.Fuzz(func(t *testing.T, text string) {
		if got := r.Text(text); len(got) > 20*len(text)+64 {
			t.Errorf("%d bytes grew to %d", len(text), len(got))
		}
		settles(t, r, text)
		if got, want := r.rules.find(text), r.rules.findEverywhere(text); !slices.Equal(got, want) {
			t.Errorf("%q: the hints skip a rule that matches: got %v, want %v", text, got, want)
		}
		f := r.lexicon.scan(text)
		if most := maxWork * (len(text) + 64); f.work > most {
			t.Errorf("%q: read %d bytes for %d, want at most %d", text, f.work, len(text), most)
		}
	})
}
