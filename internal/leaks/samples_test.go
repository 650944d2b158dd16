package leaks

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// TestSamplesOfGitleaksRulesAreFound generates secrets from the expressions of gitleaks' rules, which no rule of this project may lose.
func TestSamplesOfGitleaksRulesAreFound(t *testing.T) {
	var file ruleFile
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &file); err != nil {
		t.Fatal(err)
	}
	s := scanner(t)
	source := rand.New(rand.NewPCG(11, 7)) //nolint:gosec // the same samples each time are meant
	samples := 0
	missed := 0
	for _, rule := range file.Rules {
		if rule.Regex == "" || rule.Path != "" || notSecret(rule.ID) || rule.ID == RuleGeneric {
			continue
		}
		expression, err := syntax.Parse(rule.Regex, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			text := "config " + rule.Keywords[0] + ": " + sampleOf(expression, source) + "\n"
			samples++
			if len(s.Find(text)) == 0 {
				missed++
				t.Logf("%s: nothing found in %.200q", rule.ID, text)
			}
		}
	}
	t.Logf("%d of %d samples missed", missed, samples)
	if samples < 900 || missed*100 > samples {
		t.Errorf("%d of %d samples missed, want at most 1 %% of 900", missed, samples)
	}
}

// sampleOf generates a text that an expression matches. It prefers letters and digits, and repeats as seldom as allowed, but a class 20
// times if there is no limit.
func sampleOf(re *syntax.Regexp, source *rand.Rand) string {
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return strings.ToLower(string(re.Rune))
		}
		return string(re.Rune)
	case syntax.OpCharClass:
		return string(runeOf(re.Rune, source))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "." // most are meant to be dots
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			b.WriteString(sampleOf(sub, source))
		}
	case syntax.OpAlternate:
		return sampleOf(re.Sub[source.IntN(len(re.Sub))], source)
	case syntax.OpRepeat, syntax.OpPlus:
		n := max(re.Min, 1)
		if re.Op == syntax.OpRepeat && re.Min == 0 {
			n = 0
		}
		if re.Max < 0 || re.Op == syntax.OpPlus {
			n = max(n, 20)
		}
		for range n {
			b.WriteString(sampleOf(re.Sub[0], source))
		}
	}
	return b.String()
}

// runeOf returns a letter or digit of a class, or its first rune.
func runeOf(class []rune, source *rand.Rand) rune {
	var usual []rune
	for _, r := range mixed {
		for i := 0; i+1 < len(class); i += 2 {
			if r >= class[i] && r <= class[i+1] {
				usual = append(usual, r)
				break
			}
		}
	}
	if len(usual) == 0 {
		return class[0]
	}
	return usual[source.IntN(len(usual))]
}
