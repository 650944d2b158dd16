package logroute

import (
	"fmt"
	"math/rand"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bothCollectors runs lines through the programs of both: none raises, none leaks the secret that an expression names, and both make the same
// of a line.
type bothCollectors struct {
	vrl, ruby *engine
	routes    map[string]programs
	secret    *regexp.Regexp
}

func startBoth(t testing.TB) *bothCollectors {
	t.Helper()
	both := &bothCollectors{vrl: startVRL(t), ruby: startRuby(t, "route.rb"), routes: map[string]programs{}, secret: regexp.MustCompile("open-sesame")}
	for _, name := range []string{"parsed", "elasticsearch"} {
		b := corpusRoutes()[name]
		b.Collect.Redact = corpusRedact()[:2] // expressions for digits would find the last bit of a double
		both.routes[name] = programsOf(t, b)
	}
	return both
}

func (both *bothCollectors) check(t *testing.T, text []byte) {
	t.Helper()
	for name, p := range both.routes {
		forVRL, forRuby := p.jobs(text)
		one := both.vrl.ask(t, forVRL)
		other := both.ruby.ask(t, forRuby)
		checkAnswer(t, "Vector", one, both.secret)
		checkAnswer(t, "Fluentd", other, both.secret)
		if one == nil || other == nil {
			return
		}
		if diff := cmp.Diff(rounded(one.Event), rounded(other.Event)); diff != "" {
			t.Errorf("%s: the collectors do not agree about %q (-vector +fluentd):\n%s", name, text, diff)
		}
	}
}

// rounded is a value whose numbers have 12 digits: Vector's parser may miss the last bit of a double, see the corpus.
func rounded(value any) any {
	round := func(number float64) string { return strconv.FormatFloat(number, 'g', 12, 64) }
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = rounded(inner)
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, inner := range v {
			out = append(out, rounded(inner))
		}
		return out
	case float64:
		return round(v)
	case string:
		return regexp.MustCompile(`[0-9]+(\.[0-9]+)?(e-?[0-9]+)?`).ReplaceAllStringFunc(v, func(text string) string {
			number, err := strconv.ParseFloat(text, 64)
			if err != nil || !strings.ContainsAny(text, ".e") {
				return text
			}
			return round(number)
		})
	}
	return value
}

func FuzzBothCollectorsMakeTheSameOfALine(f *testing.F) {
	const most = 4096
	for _, line := range corpus(f) {
		if text := line.bytes(); len(text) <= most {
			f.Add(text)
		}
	}
	both := startBoth(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > most {
			t.Skip("longer lines are in the corpus")
		}
		both.check(t, text)
	})
}

// Bytes that are changed at random are seldom JSON, so a seed makes an object here.
func FuzzBothCollectorsMakeTheSameOfJSON(f *testing.F) {
	for seed := range int64(100) {
		f.Add(seed)
	}
	both := startBoth(f)
	f.Fuzz(func(t *testing.T, seed int64) {
		both.check(t, []byte(objectOf(rand.New(rand.NewSource(seed)), 0)))
	})
}

func objectOf(random *rand.Rand, depth int) string {
	var members []string
	for range random.Intn(5) {
		members = append(members, textOf(random)+": "+valueOf(random, depth+1))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func valueOf(random *rand.Rand, depth int) string {
	kinds := 10
	if depth > 22 {
		kinds = 7 // no more levels
	}
	switch random.Intn(kinds) {
	case 0:
		return []string{"true", "false", "null", "NaN", "1e999", "-0"}[random.Intn(6)]
	case 1, 2, 3:
		return numberOf(random)
	case 4, 5, 6:
		return textOf(random)
	case 7:
		return "[" + valueOf(random, depth+1) + " , " + valueOf(random, depth+1) + "]"
	default:
		return objectOf(random, depth)
	}
}

func numberOf(random *rand.Rand) string {
	digits := func(most int) string {
		text := make([]byte, 1+random.Intn(most))
		for i := range text {
			text[i] = byte('0' + random.Intn(10))
		}
		return string(text)
	}
	whole := strings.TrimLeft(digits([]int{2, 18, 24}[random.Intn(3)]), "0") + []string{"", "0"}[random.Intn(2)]
	if whole == "" {
		whole = "0"
	}
	number := []string{"", "-"}[random.Intn(2)] + whole
	if random.Intn(2) == 0 {
		number += "." + digits([]int{2, 20, 24}[random.Intn(3)])
	}
	if random.Intn(3) == 0 {
		number += []string{"e", "E", "e+", "e-"}[random.Intn(4)] + digits(3)
	}
	return number
}

func textOf(random *rand.Rand) string {
	pieces := []string{
		"a", "b", "level", "message", "msg", "error", " ", "", ".", "_", `\\`, `\"`, `\/`, `\n`, `\u0061`, `\u00e4`, `\ud83d\ude00`, `\ud800`, "\u00e4", "\U0001F600", "4",
		"4111111111111111", "open-sesame", "pass", "word=", "open-", "sesame", `\u006fpen-sesame`, `\\u006fpen-sesame`, "[redacted]", strings.Repeat("k", 60),
	}
	var text strings.Builder
	for range random.Intn(5) {
		text.WriteString(pieces[random.Intn(len(pieces))])
	}
	return fmt.Sprintf(`"%s"`, text.String())
}
