package logroute

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
)

// The corpus is hostile and odd lines, in testdata/corpus/lines.jsonl, and what both collectors make of them, in want.jsonl.

// corpusLine is one line; exactly one of Line, Base64 and Parts is set.
type corpusLine struct {
	Name   string `json:"name"`
	Line   string `json:"line"`
	Base64 []byte `json:"base64"`
	Parts  []struct {
		Text  string `json:"text"`
		Times int    `json:"times"`
	} `json:"parts"`
	// Differs is why the collectors make different events of it; docs/log-routing.md lists the reasons.
	Differs string `json:"differs"`
}

func (c corpusLine) bytes() []byte {
	text := c.Line + string(c.Base64)
	for _, part := range c.Parts {
		text += strings.Repeat(part.Text, part.Times)
	}
	return []byte(text)
}

func corpus(t testing.TB) (lines []corpusLine) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "corpus", "lines.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it is only read
	seen := map[string]bool{}
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		var line corpusLine
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&line); err != nil {
			t.Fatalf("%v in %s", err, scanner.Text())
		}
		if seen[line.Name] {
			t.Errorf("%q is there twice", line.Name)
		}
		seen[line.Name] = true
		lines = append(lines, line)
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	if len(lines) < 200 {
		t.Fatalf("the corpus has %d lines", len(lines))
	}
	return lines
}

// corpusRedact are expressions for the secrets of the corpus: a word anywhere, after a name, and numbers.
func corpusRedact() []string {
	return []string{`open-sesame`, `(?i)password=[^\s"]+`, `\b4[0-9]{15}\b`, `sk_live_[A-Za-z0-9]{10,}`, `[0-9]{20}`}
}

// corpusSecret finds the secrets of the corpus. None of them is real.
func corpusSecret() *regexp.Regexp {
	return regexp.MustCompile(`open-sesame|hunter2|4111111111111111|sk_live_|12345678901234567890`)
}

// corpusRoutes are routes of each type, with and without parseJSON.
func corpusRoutes() map[string]Backend {
	parsed := v1alpha1.LogCollection{ParseJSON: true, Redact: corpusRedact(), DropFields: []string{"json.secret"}}
	return map[string]Backend{
		"parsed":        victorialogs("shop", "parsed", parsed),
		"whole":         loki("shop", "whole", "", parsed),
		"elasticsearch": elasticsearch("shop", "elasticsearch", parsed),
		"text":          victorialogs("shop", "text", v1alpha1.LogCollection{Redact: corpusRedact()}),
		"plain":         victorialogs("shop", "plain", v1alpha1.LogCollection{ParseJSON: true}),
	}
}

// Vector's source sets bytes and a time, which JSON has none of. The compiler must know as little of their types as in Vector.
const (
	vrlTime   = "set = [parse_timestamp!(.timestamp, \"%+\")]\n.timestamp = get!(set, [0])\n"
	vrlBefore = vrlTime + "set = [decode_base64!(.message)]\n.message = get!(set, [0])\n"
	vrlAfter  = "if is_timestamp(.timestamp) { .timestamp = format_timestamp!(.timestamp, \"%Y-%m-%dT%H:%M:%S%.9fZ\") }\n" +
		"if is_timestamp(.\"@timestamp\") { .\"@timestamp\" = format_timestamp!(.\"@timestamp\", \"%Y-%m-%dT%H:%M:%S%.9fZ\") }\n"
)

// programs of a route, for both collectors.
type programs struct {
	vrl  string
	ruby fluentdRoute
}

func programsOf(t testing.TB, b Backend) programs {
	t.Helper()
	forVector, p := check(&with(v1alpha1.CollectorVector, []Backend{b})[0], options())
	if p != nil {
		t.Fatal(p.Message)
	}
	forFluentd, p := check(&with(v1alpha1.CollectorFluentd, []Backend{b})[0], options())
	if p != nil {
		t.Fatal(p.Message)
	}
	return programs{vrl: vrlBefore + string(forVector.shape()) + vrlAfter, ruby: forFluentd.fluentd()}
}

// jobs that run a line of any bytes.
func (p programs) jobs(text []byte) (vrl, ruby any) {
	l := shop(base64.StdEncoding.EncodeToString(text))
	return map[string]any{"program": p.vrl, "event": l.vector()}, map[string]any{"route": p.ruby, "record": l.fluentd(), "base64": true}
}

func TestNoLineOfTheCorpusRaisesOrLeaks(t *testing.T) {
	t.Parallel()
	lines := corpus(t)
	results := map[string][]*answer{}
	differs := map[string]bool{}
	for name, backend := range corpusRoutes() {
		var vrl, ruby []any
		p := programsOf(t, backend)
		for _, line := range lines {
			forVRL, forRuby := p.jobs(line.bytes())
			vrl = append(vrl, forVRL)
			ruby = append(ruby, forRuby)
		}
		secret := corpusSecret()
		if name == "plain" { // it redacts nothing
			secret = nil
		}
		one := runVRL(t, vrl)
		other := runRuby(t, ruby)
		differences := 0
		for i, line := range lines {
			for collector, a := range map[string]*answer{"Vector": one[i], "Fluentd": other[i]} {
				checkAnswer(t, fmt.Sprintf("%s: %s: %s", name, line.Name, collector), a, secret)
			}
			if cmp.Equal(one[i], other[i]) {
				continue
			}
			differences++
			differs[line.Name] = true
			if line.Differs == "" && differences <= 10 && one[i] != nil && other[i] != nil {
				t.Errorf("%s: %s: the collectors do not agree (-vector +fluentd):\n%s", name, line.Name, cmp.Diff(short(one[i].Event), short(other[i].Event)))
			}
		}
		results[name] = one
	}
	for _, line := range lines {
		if line.Differs != "" && !differs[line.Name] {
			t.Errorf("%s: the collectors make the same of it; remove what it differs by", line.Name)
		}
	}
	golden(t, lines, results)
}

// checkAnswer of a collector: an event that every backend takes, without a secret.
func checkAnswer(t *testing.T, where string, a *answer, secret *regexp.Regexp) {
	t.Helper()
	if a == nil || a.Error != "" {
		t.Errorf("%s: %+v", where, a)
		return
	}
	if id, ok := a.Event["kubeops_id"]; ok {
		if text, _ := id.(string); len(text) != 36 {
			t.Errorf("%s: the id %v", where, id)
		}
		delete(a.Event, "kubeops_id")
	}
	message, ok := a.Event["message"].(string)
	if !ok || utf8.RuneCountInString(message) > maxMessage+len("[cut]") {
		t.Errorf("%s: a message of %d bytes", where, len(message))
	}
	if levels := depth(a.Event["json"]); levels > maxLevels {
		t.Errorf("%s: %d levels", where, levels)
	}
	walk(a.Event, "", func(key, value string) {
		if key != "" && (utf8.RuneCountInString(key) > maxKey || strings.TrimSpace(key) == "") {
			t.Errorf("%s: the key %.120q", where, key)
		}
		for _, text := range []string{key, value, unescaped(value)} {
			if secret != nil && secret.MatchString(text) {
				t.Errorf("%s: leaks %s in %.200q", where, secret.FindString(text), text)
			}
		}
	})
}

// walk through the keys and the values of an event.
func walk(value any, key string, visit func(key, value string)) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			walk(inner, key, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, key, visit)
		}
	default:
		visit(key, fmt.Sprint(v))
	}
}

func depth(value any) (deepest int) {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	case []any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	default:
		return 0
	}
	return deepest + 1
}

// unescaped is a text with the escapes of JSON at any level resolved.
func unescaped(text string) string {
	return regexp.MustCompile(`\\+u[0-9a-fA-F]{4}`).ReplaceAllStringFunc(text, func(escape string) string {
		code, err := strconv.ParseUint(escape[len(escape)-4:], 16, 32)
		if err != nil {
			return escape
		}
		return string(rune(code))
	})
}

// short is a value in which long texts are cut, with a digest of the whole.
func short(value any) any {
	const most = 160
	text, err := json.Marshal(value)
	if err != nil || len(text) <= 4*most {
		return value
	}
	switch v := value.(type) {
	case string:
		if len(v) > most {
			return fmt.Sprintf("%s...(%d bytes, %x)", strings.ToValidUTF8(v[:most], ""), len(v), sha256.Sum256([]byte(v)))[:most+40]
		}
		return v
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = short(inner)
		}
		if shorter, err := json.Marshal(out); err == nil && len(shorter) <= 8*most {
			return out
		}
	}
	return fmt.Sprintf("%s...(%d bytes, %x)", strings.ToValidUTF8(string(text[:most]), ""), len(text), sha256.Sum256(text))[:most+40]
}

// golden compares with the events that are expected; -update writes them.
func golden(t *testing.T, lines []corpusLine, results map[string][]*answer) {
	t.Helper()
	if t.Failed() {
		return
	}
	var all bytes.Buffer
	encoder := json.NewEncoder(&all)
	encoder.SetEscapeHTML(false)
	for i, line := range lines {
		event := results["parsed"][i].Event
		want := map[string]any{"name": line.Name, "message": short(event["message"]), "text": short(results["text"][i].Event["message"])}
		for _, key := range []string{"json", "level"} {
			if value, ok := event[key]; ok {
				want[key] = short(value)
			}
		}
		if want["text"] == want["message"] {
			delete(want, "text")
		}
		if err := encoder.Encode(want); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join("testdata", "corpus", "want.jsonl")
	if *update {
		if err := os.WriteFile(path, all.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path) //nolint:gosec // a file of the tests
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(all.String(), "\n")); diff != "" {
		t.Errorf("the events differ; if that is meant, run the test with -update (-golden +got):\n%s", diff)
	}
}
