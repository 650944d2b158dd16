package explain

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Reasons for dropping an answer, besides those of an AIProvider's problems.
const (
	// DroppedEmpty: the answer is empty or makes no statement.
	DroppedEmpty = "EmptyAnswer"
	// DroppedTooLarge: the answer is longer than any explanation.
	DroppedTooLarge = "TooLarge"
	// DroppedInvalidJSON: the answer is not one JSON object: prose, truncated, or several objects.
	DroppedInvalidJSON = "InvalidJSON"
	// DroppedWrongShape: the JSON does not match the schema.
	DroppedWrongShape = "WrongShape"
	// DroppedNoEvidence: a claim cites no evidence, or there is no claim.
	DroppedNoEvidence = "NoEvidence"
	// DroppedUnknownEvidence: a claim cites evidence that does not exist.
	DroppedUnknownEvidence = "UnknownEvidence"
	// DroppedWrongLanguage: the answer is not in the requested language.
	DroppedWrongLanguage = "WrongLanguage"
	// DroppedLeak: the answer repeats the instructions.
	DroppedLeak = "RepeatsInstructions"
)

// Bounds of an answer, in bytes, entries and runes.
const (
	maxAnswer      = 64 << 10
	maxWhy, maxFix = 8, 5
	maxCited       = 16
	maxSummary     = 2048
	maxText        = 1024
	maxPatch       = 2048
	// maxShort is the length of what is missing, ruled out or tried next, maxQuote that of a quote.
	maxShort, maxQuote   = 512, 512
	maxOpen, maxRuledOut = 4, 3
)

// expectation is what an answer is validated against.
type expectation struct {
	ids []string
	// cited is what the ids stand for.
	cited    map[string]source
	language v1alpha1.Language
	system   string
	gate     *Gate
	// unquoted answers may be certain without a quote: there is nothing to quote.
	unquoted bool
	// cached answers were given for evidence whose times and counts may have changed since.
	cached bool
}

// validate turns an answer into an explanation, or sets Dropped to the reason why it is invalid.
func validate(text string, want expectation) v1alpha1.Explanation {
	e, dropped := decode(text, want)
	if dropped != "" {
		return v1alpha1.Explanation{Dropped: dropped}
	}
	if repeats(e, want.system) {
		return v1alpha1.Explanation{Dropped: DroppedLeak}
	}
	if !inLanguage(e, want.language) {
		return v1alpha1.Explanation{Dropped: DroppedWrongLanguage}
	}
	if e.Confidence != v1alpha1.ConfidenceUnknown && !makesStatements(e) {
		return v1alpha1.Explanation{Dropped: DroppedEmpty}
	}
	e.Evidence = citedEvidence(e, want)
	return e
}

// maxEvidence are the pieces of evidence that an explanation keeps, each of at most maxEvidenceText runes.
const maxEvidence, maxEvidenceText = 8, 1000

// citedEvidence is the evidence that an explanation cites and the report does not have.
func citedEvidence(e v1alpha1.Explanation, want expectation) []v1alpha1.Evidence {
	var kept []v1alpha1.Evidence
	for _, id := range citedBy(e) {
		s, known := want.cited[id]
		same := func(other v1alpha1.Evidence) bool { return other.ID == id }
		if !known || s.ours || len(kept) == maxEvidence || slices.ContainsFunc(kept, same) {
			continue
		}
		kept = append(kept, v1alpha1.Evidence{ID: id, Source: s.of, Text: clip(want.gate.in(clean(s.text)), maxEvidenceText)})
	}
	return kept
}

// revalidate validates a cached explanation like a new answer, since someone else may have written to the cache.
func revalidate(e v1alpha1.Explanation, want expectation) (again v1alpha1.Explanation, valid bool) {
	if e.Dropped != "" {
		return v1alpha1.Explanation{Dropped: e.Dropped}, regexp.MustCompile(`^[A-Za-z]{1,63}$`).MatchString(e.Dropped)
	}
	want.cached = true
	investigation := checked(e.Investigation, want.gate)
	want = want.withTranscript(investigation)
	a := answer{Cause: &e.Summary, Missing: e.Missing, Next: e.Next, Confidence: (*string)(&e.Confidence)}
	for _, w := range e.Why {
		a.Why = append(a.Why, answeredClaim{Claim: w.Claim, Evidence: w.Evidence, Quote: w.Quote})
	}
	for _, r := range e.RuledOut {
		a.RuledOut = append(a.RuledOut, answeredRuleOut{Cause: r.Cause, Evidence: r.Evidence})
	}
	for _, f := range e.Fix {
		a.Fix = append(a.Fix, answeredFix{
			Description: f.Description, Target: f.Target, Evidence: f.Evidence, Command: f.Command, Patch: f.Patch,
		})
	}
	content, err := json.Marshal(a)
	if err != nil {
		return v1alpha1.Explanation{}, false
	}
	again = validate(string(content), want)
	again.DroppedClaims += e.DroppedClaims
	again.Investigation = investigation
	for i := range min(len(again.Fix), len(e.Fix)) {
		again.Fix[i].Removed = again.Fix[i].Removed || e.Fix[i].Removed
	}
	return again, again.Dropped == "" && len(again.Why) == len(e.Why)
}

// sentence returns a text on one line of bounded length, without pipes into a shell and URLs, except those of servers in the cluster that
// the evidence names: hostile text in a cluster could make the model suggest them, and a reader might follow.
func (w expectation) sentence(text string, maxLength int) string {
	text = withoutAddresses(clean(text), w.isEvidence)
	text = strings.Join(strings.Fields(w.gate.in(text)), " ")
	pipes := regexp.MustCompile(`(?i)(?:\b(?:curl|wget|base64)\b[^|;&]*)?\|\s*(?:sudo\s+)?(?:[\w./-]*/)?` +
		`(?:(?:ba|z|k|da)?sh|python3?|perl|node)\b`)
	text = pipes.ReplaceAllString(text, "[command removed]")
	if runes := []rune(text); len(runes) > maxLength {
		return string(runes[:maxLength-1]) + "…"
	}
	return text
}

// withoutAddresses is a text without URLs, except those that are kept; nil keeps none.
func withoutAddresses(text string, kept func(url string) bool) string {
	urls := regexp.MustCompile(`(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.|mailto:|javascript:|data:)[^\s"'<>)\]]*`)
	return urls.ReplaceAllStringFunc(text, func(found string) string {
		trimmed := strings.TrimRight(found, ".,;:!?")
		if kept != nil && kept(trimmed) {
			return found
		}
		return "[address removed]"
	})
}

// isEvidence reports whether a URL is that of a server in the cluster, and a part of the evidence as the model has seen it.
func (w expectation) isEvidence(address string) bool {
	schemes := []string{
		"http", "https", "tcp", "redis", "amqp", "nats", "postgres", "postgresql", "mysql", "mongodb", "kafka", "grpc",
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.User != nil || !isInternal(parsed.Hostname()) || !slices.Contains(schemes, strings.ToLower(parsed.Scheme)) {
		return false
	}
	for _, id := range w.ids {
		if strings.Contains(w.gate.seen(clean(w.cited[id].text)), address) {
			return true
		}
	}
	return false
}

// isInternal reports whether a host is one of a cluster: loopback, a private address, or the name of a Service. A name without a dot that
// is no address may be one.
func isInternal(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback() || address.IsPrivate()
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".cluster.local")
	return regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+\.svc)?$`).MatchString(name)
}

// repeats reports whether an answer contains a longer part of the instructions, or a line that fences data.
func repeats(e v1alpha1.Explanation, system string) bool {
	content, err := json.Marshal(e)
	if err != nil || regexp.MustCompile(`DATA-[0-9a-f]{16}`).Match(content) {
		return true
	}
	const partLength = 40
	said := letters(string(content))
	instructions := letters(system)
	for i := 0; i+partLength <= len(instructions); i++ {
		if bytes.Contains(said, instructions[i:i+partLength]) {
			return true
		}
	}
	return false
}

// letters returns the letters of a text in lower case, to compare texts regardless of spacing and quoting.
func letters(text string) []byte {
	return []byte(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text))
}

// makesStatements reports whether the summary and each claim have at least two words or some Chinese characters. Small models
// sometimes answer with a name or brackets.
func makesStatements(e v1alpha1.Explanation) bool {
	statement := func(text string) bool {
		var words, han int
		for _, field := range strings.Fields(text) {
			if strings.ContainsFunc(field, unicode.IsLetter) {
				words++
			}
			for _, r := range field {
				if unicode.Is(unicode.Han, r) {
					han++
				}
			}
		}
		return words >= 2 || han >= 4
	}
	return statement(e.Summary) &&
		!slices.ContainsFunc(e.Why, func(w v1alpha1.ExplainedClaim) bool { return !statement(w.Claim) })
}
