package redact

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/corpus"
)

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

// settles counts the passes after the first that change a text. No pass may change or remove a pseudonym.
func settles(t *testing.T, r *Redactor, text string) (passes int) {
	t.Helper()
	for once := r.pass(text, nil); ; passes++ {
		again := r.pass(once, nil)
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
		if passes+2 == maxPasses {
			t.Errorf("%q still changes after %d passes: %q became %q", text, passes, once, again)
			return passes
		}
		once = again
	}
}

// isOwnRedaction reports an error if redacting a text twice differs from redacting it once.
func isOwnRedaction(t *testing.T, r *Redactor, text string) {
	t.Helper()
	once := r.Text(text)
	if again := r.Text(once); again != once {
		t.Errorf("%q became %q and then %q", text, once, again)
	}
}

// TestTextsOfTheCorpusAreRedactedOnce tests that one pass finds all: reports are redacted when they are written and when they are sent.
func TestTextsOfTheCorpusAreRedactedOnce(t *testing.T) {
	r := redactor(t)
	for _, text := range texts(t) {
		if passes := settles(t, r, text); passes > 0 {
			t.Errorf("a second pass changes the result of %q: %q", text, r.pass(text, nil))
		}
		isOwnRedaction(t, r, text)
	}
}

// TestABrokenTextIsItsOwnRedaction cuts texts of the corpus and joins the parts, which breaks quotes, names and values. Hardly any may
// need more than one pass: each costs the time of the first.
func TestABrokenTextIsItsOwnRedaction(t *testing.T) {
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
			isOwnRedaction(t, r, text)
		}
	}
	t.Logf("a second pass changes %d of %d broken texts", changed, broken)
	if changed > broken/1000 {
		t.Errorf("a second pass changes %d of %d broken texts, want at most 1 of 1000", changed, broken)
	}
}

// hostileKnown are secrets that occur within pseudonyms.
func hostileKnown() []string {
	return []string{"redacted", "[redacted:", "acted:", "[email:", "redacted:0123]"}
}

func TestSecretsThatLookLikePseudonymsAreRedactedOnce(t *testing.T) {
	r, err := New(Options{Emails: true, IPs: true, Known: hostileKnown()})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"redacted", "[redacted:0123]", "[redacted:012]", "[[redacted:0123]redacted:0123]", "password=redacted:0123]x9Qf3",
		"[redacted:[redacted:0123]", "token=[email:0123]aB3dE5fG7hJ9", "[ip:0123]:[ip:4567]", "10.0.0.1 jane@example.com redacted",
		"kind: Secret\ndata:\n  redacted: redacted", "password=[redacted:01234]", "kind: Secret\ndata:\n  a: x [redacted:0123]",
	} {
		once := r.Text(text)
		if again := r.Text(once); again != once {
			t.Errorf("%q became %q and then %q", text, once, again)
		}
		if strings.Count(once, "[redacted:")+strings.Count(once, "[email:")+strings.Count(once, "[ip:") != len(marks(once)) {
			t.Errorf("%q became %q: a pseudonym is broken", text, once)
		}
	}
}

func TestATextThatDoesNotSettleIsReplacedAsAWhole(t *testing.T) {
	r := redactor(t)
	// A rule that finds one letter in each pass stands for a text that reveals a secret only when another one was replaced.
	r.rules = newRuleSet([]rule{{id: "one", pattern: regexp.MustCompile(`^[^q]*?(q)`), hints: []string{"q"}, lines: true}})
	text := strings.Repeat("q-", maxPasses+1)
	got, counts := r.Count(text)
	if len(got) != len("[redacted:0123]") || r.Text(got) != got || counts[RuleUnsettled] != 1 {
		t.Errorf("got %q %v", got, counts)
	}
	if got := r.Text("q-q-"); len(marks(got)) != 2 {
		t.Errorf("got %q, want two pseudonyms", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("password=abc123 postgres://a:b@c -----BEGIN PRIVATE KEY-----")
	f.Add(`{"token":"`)
	for _, text := range texts(f) {
		f.Add(text)
	}
	r := redactor(f)
	all, err := New(Options{Emails: true, IPs: true, Known: hostileKnown()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := r.Text(text); len(got) > 20*len(text)+64 {
			t.Errorf("%d bytes grew to %d", len(text), len(got))
		}
		settles(t, r, text)
		isOwnRedaction(t, r, text)
		isOwnRedaction(t, all, text)
		if got, want := r.rules.find(text), r.rules.findEverywhere(text); !slices.Equal(got, want) {
			t.Errorf("%q: the hints skip a rule that matches: got %v, want %v", text, got, want)
		}
		f := r.lexicon.scan(text)
		if most := maxWork * (len(text) + 64); f.work > most {
			t.Errorf("%q: read %d bytes for %d, want at most %d", text, f.work, len(text), most)
		}
	})
}

func TestALongSecretIsNotLookedForAgain(t *testing.T) {
	for length, again := range map[int]bool{maxAgainValue: true, maxAgainValue + 1: false} {
		value := strings.Repeat("aB3dE5fG7hJ9kL1m", length/16+1)[:length]
		if got := replaceAgain("seen "+value, []string{value}, nil) != "seen "+value; got != again {
			t.Errorf("of %d bytes: %v", length, got)
		}
	}
}
