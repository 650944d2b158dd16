package logroute

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzBothCollectorsMakeTheSameOfALine runs a line of any bytes through the programs of both collectors: none raises, none leaks the secret
// that an expression names, and both make the same of it.
func FuzzBothCollectorsMakeTheSameOfALine(f *testing.F) {
	const most = 4096
	for _, line := range corpus(f) {
		if text := line.bytes(); len(text) <= most {
			f.Add(text)
		}
	}
	vrl := startVRL(f)
	ruby := startRuby(f, "route.rb")
	routes := map[string]programs{}
	for _, name := range []string{"parsed", "elasticsearch"} {
		routes[name] = programsOf(f, corpusRoutes()[name])
	}
	secret := regexp.MustCompile("open-sesame")
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > most {
			t.Skip("longer lines are in the corpus")
		}
		for name, p := range routes {
			forVRL, forRuby := p.jobs(text)
			one := vrl.ask(t, forVRL)
			other := ruby.ask(t, forRuby)
			checkAnswer(t, "Vector", one, secret)
			checkAnswer(t, "Fluentd", other, secret)
			if diff := cmp.Diff(one, other); diff != "" {
				t.Errorf("%s: the collectors do not agree (-vector +fluentd):\n%s", name, diff)
			}
		}
	})
}
