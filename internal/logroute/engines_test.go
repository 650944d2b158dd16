package logroute

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// The programs of routes run here on the real engines: VRL's compiler and runtime, and Ruby.

type answer struct {
	Event map[string]any
	Error string
}

// engine is a program that answers each job, a line of JSON, with a line. It ends with the test.
type engine struct {
	mu     sync.Mutex
	in     io.Writer
	out    *bufio.Reader
	failed *bytes.Buffer
}

func startEngine(t testing.TB, env []string, name string, args ...string) *engine {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{in: in, out: bufio.NewReader(out), failed: &bytes.Buffer{}}
	cmd.Stderr = e.failed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return e
}

func (e *engine) ask(t testing.TB, job any) *answer {
	t.Helper()
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := e.in.Write(append(text, '\n')); err != nil {
		t.Fatalf("%v\n%s", err, e.failed)
	}
	line, err := e.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, e.failed)
	}
	var a *answer
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return a
}

func (e *engine) askAll(t testing.TB, jobs []any) []*answer {
	t.Helper()
	answers := make([]*answer, 0, len(jobs))
	for _, job := range jobs {
		answers = append(answers, e.ask(t, job))
	}
	return answers
}

func startVRL(t testing.TB) *engine {
	t.Helper()
	return startEngine(t, []string{"PYTHONPATH=" + filepath.Join(servers.Folder(t, "vrl"), "lib")}, "python3", filepath.Join("testdata", "run", "vrl.py"))
}

// startRuby runs a program of testdata/run, which is given the folder of the plug-ins.
func startRuby(t testing.TB, program string) *engine {
	t.Helper()
	folder := t.TempDir()
	for _, backends := range cases() {
		for file, content := range compiled(t, v1alpha1.CollectorFluentd, backends).Files {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return startEngine(t, nil, filepath.Join(servers.Folder(t, "ruby"), "ruby"), filepath.Join("testdata", "run", program), folder)
}

func runVRL(t testing.TB, jobs []any) []*answer {
	t.Helper()
	return startVRL(t).askAll(t, jobs)
}

func runRuby(t testing.TB, jobs []any) []*answer {
	t.Helper()
	return startRuby(t, "route.rb").askAll(t, jobs)
}

// line of a Pod, as each collector hands it to a route.
type line struct {
	namespace, pod, container string
	labels                    map[string]string
	message                   string
}

func (l line) vector() map[string]any {
	if l.labels == nil {
		l.labels = map[string]string{}
	}
	return map[string]any{
		"file": "/var/log/pods/x", "source_type": "kubernetes_logs", "timestamp_end": "x", "_partial": true, "stream": "stdout", "message": l.message,
		"timestamp": "2026-01-02T03:04:05.000000006Z",
		"kubernetes": map[string]any{
			"pod_namespace": l.namespace, "pod_name": l.pod, "container_name": l.container, "pod_node_name": "node-1", "pod_labels": l.labels,
			"pod_annotations": map[string]string{"note": "password=hunter"},
		},
	}
}

func (l line) fluentd() map[string]any {
	if l.labels == nil {
		l.labels = map[string]string{}
	}
	return map[string]any{
		"stream": "stdout", "logtag": "F", "message": l.message, "docker": map[string]any{},
		"kubernetes": map[string]any{
			"namespace_name": l.namespace, "pod_name": l.pod, "container_name": l.container, "host": "node-1", "labels": l.labels,
			"annotations": map[string]string{"note": "password=hunter"},
		},
	}
}

// through one route of each collector; the answers must be the same.
func through(t testing.TB, b Backend, lines []line) []*answer {
	t.Helper()
	forVector, p := check(&with(v1alpha1.CollectorVector, []Backend{b})[0], options())
	if p != nil {
		t.Fatal(p.Message)
	}
	forFluentd, p := check(&with(v1alpha1.CollectorFluentd, []Backend{b})[0], options())
	if p != nil {
		t.Fatal(p.Message)
	}
	var vrl, ruby []any
	for _, l := range lines {
		program := vrlTime + string(forVector.shape()) + vrlAfter
		vrl = append(vrl, map[string]any{"condition": forVector.selects(), "program": program, "event": l.vector()})
		ruby = append(ruby, map[string]any{"route": forFluentd.fluentd(), "record": l.fluentd()})
	}
	one := runVRL(t, vrl)
	other := runRuby(t, ruby)
	for i := range one {
		for _, a := range []*answer{one[i], other[i]} {
			if a == nil {
				continue
			}
			if a.Error != "" {
				t.Fatalf("line %d: %s", i, a.Error)
			}
			if id, _ := a.Event["kubeops_id"].(string); (len(id) == 36) != (b.Type == v1alpha1.LogBackendElasticsearch) {
				t.Errorf("line %d has the id %q", i, id)
			}
			delete(a.Event, "kubeops_id")
		}
		if diff := cmp.Diff(one[i], other[i]); diff != "" {
			t.Errorf("the collectors do not agree about line %d, %+v (-vector +fluentd):\n%s", i, lines[i], diff)
		}
	}
	return one
}

func shop(message string) line {
	return line{"shop", "web-1", "main", map[string]string{"app.kubernetes.io/name": "checkout", "tier": "web"}, message}
}

func TestBothCollectorsSelectTheSameLines(t *testing.T) {
	t.Parallel()
	all := cases()["everything"][0]
	for i, tc := range []struct {
		line line
		want bool
	}{
		{shop("x"), true},
		{line{"platform", "p", "any", map[string]string{"app.kubernetes.io/name": "checkout", "tier": "web", "more": "x"}, "x"}, true},
		{line{"shop", "web-1", "main", map[string]string{"app.kubernetes.io/name": "checkout"}, "x"}, false},
		{line{"shop", "web-1", "main", nil, "x"}, false},
		{line{"shop", "web-1", "istio-proxy", map[string]string{"app.kubernetes.io/name": "checkout", "tier": "web"}, "x"}, false},
		{line{"shop", "web-1", "main", map[string]string{"app.kubernetes.io/name": "checkout", "tier": "web", "noisy": "true"}, "x"}, false},
		{line{"billing", "b", "sidecar", nil, "x"}, true},
		{line{"billing", "b", "other", nil, "x"}, false},
		{line{"elsewhere", "b", "main", nil, "x"}, false},
	} {
		if got := through(t, all, []line{tc.line})[0] != nil; got != tc.want {
			t.Errorf("line %d, %+v: selected %t", i, tc.line, got)
		}
	}
	tenant := loki("team-a", "logs", "", v1alpha1.LogCollection{Exclude: []v1alpha1.LogSelector{{Containers: []string{"noise"}}}})
	got := through(t, tenant, []line{{"team-a", "p", "c", nil, "x"}, {"team-b", "p", "c", nil, "x"}, {"team-a", "p", "noise", nil, "x"},
		{"", "", "", nil, "x"}})
	if got[0] == nil || got[1] != nil || got[2] != nil || got[3] != nil {
		t.Errorf("a tenant's route selects %v", got)
	}
}

func TestBothCollectorsMakeTheSameOfALine(t *testing.T) {
	t.Parallel()
	all := cases()["everything"][0]
	got := through(t, all, []line{
		shop(
			`{"level":"ERROR","msg":"login with password=open-sesame failed","user":{"email":"a@b","id":7},"card":"1234-5678","kubernetes":{"pod_namespace":"billing"}}`,
		),
		shop(`plain text, PASSWORD=open-sesame, 1234-5678 and 01234-5678`),
		shop(`{"hidden":"pa\u0073sword=open-sesame","n":1.5,"list":["password=a",{"x":"password=b"}],"a.b":true}`),
		shop(`{"password=open-sesame`),
		shop(`[1,2]`),
		shop("\u00fcn\u00efc\u00f6de \u2028 \U0001F600 password=\u00fcber"),
		shop(``),
	})
	for i, a := range got {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, never := range []string{"open-sesame", "a@b", "\"1234-5678", "hunter", "pod_annotations"} {
			if bytes.Contains(text, []byte(never)) {
				t.Errorf("line %d still holds %s: %s", i, never, text)
			}
		}
	}
	first := got[0].Event
	want := map[string]any{
		"@timestamp": "2026-01-02T03:04:05.000000006Z", "kubeops_ns": 1767323045000000006.0, "stream": "stdout", "level": "error", "message": "login with [redacted] failed",
		"json": map[string]any{
			"level": "ERROR", "msg": "login with [redacted] failed", "user": map[string]any{"id": 7.0}, "card": "[redacted]",
			"kubernetes": map[string]any{"pod_namespace": "billing"}, // what a program writes never becomes who it is
		},
		"kubernetes": map[string]any{
			"pod_namespace": "shop", "pod_name": "web-1", "container_name": "main", "pod_node_name": "node-1",
			"pod_labels": map[string]any{"app_kubernetes_io/name": "checkout", "tier": "web"},
		},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("the first line (-want +got):\n%s", diff)
	}
	if message := got[1].Event["message"]; message != "plain text, [redacted] [redacted] and 01234-5678" {
		t.Errorf("plain text became %q", message)
	}
}

func TestLokiGetsWhatIsLeftOfALine(t *testing.T) {
	t.Parallel()
	b := loki("shop", "logs", "", v1alpha1.LogCollection{ParseJSON: true, DropFields: []string{"json.secret"}})
	got := through(t, b, []line{shop(`{"secret":"x","b":1,"a":"y","severity":"Warn"}`), shop("text"),
		shop(`{"level":"made up by a program 4711"}`)})
	for i, want := range [][2]string{{`{"a":"y","b":1,"severity":"Warn"}`, "warn"}, {"text", "unknown"},
		{`{"level":"made up by a program 4711"}`, "unknown"}} {
		if got[i].Event["message"] != want[0] || got[i].Event["level"] != want[1] {
			t.Errorf("line %d became %v", i, got[i].Event)
		}
	}
}

func TestEveryGoldenProgramCompiles(t *testing.T) {
	t.Parallel()
	var jobs []any
	for _, backends := range cases() {
		config := parseVector(t, compiled(t, v1alpha1.CollectorVector, backends).Files[VectorFile])
		delete(config.Sinks, countsName+"_exporter")
		for id := range config.Sinks {
			jobs = append(jobs, map[string]any{
				"condition": config.Transforms[id+"_select"].Condition.Source, "program": config.Transforms[id+"_shape"].Source, "event": shop("x").vector(),
			})
		}
	}
	for i, a := range runVRL(t, jobs) {
		if a != nil && a.Error != "" {
			t.Errorf("%v: %s", jobs[i], a.Error)
		}
	}
}

// expressions that differ between engines when they are copied as they are.
func expressions() []string {
	return []string{
		`a`, `\w+`, `\d{2,3}`, `\s`, `(?i)straße|ß`, `(?i)k`, `[^a]`, `.`, `(?s).`, `^a`, `a$`, `(?m)^a`, `(?m)a$`, `\Aa`, `a\z`, `\ba`, `a\b`, `\Ba`, `\bä`, `a+?`, `a{2}?b`, `a{1,2}?`,
		`(a|ab)(c|bcd)?`, `'"\\/#{}$`, `\$\{X\}`, `[\]'\-^]`, `\x{1F600}`, `\pL`, `[[:alpha:]]`, `\p{Greek}+`, `(?P<name>x)y`, `x*y`, `[^\x00-\x7F]`, `\Q$(.*)\E`, `(?i)[a-c]`, `\W`, `(?-s:a.b)`, `a|b|`, `(?:)a`,
		`token: [A-Za-z0-9']{8,}`, `\[redacted\]`, `\t`, `é`, `%[0-9A-F]{2}`, "{{ x }}", `#\{x\}`, `(?U)a+b`, `[\s\S]x`,
	}
}

func TestExpressionsMeanTheSameInAllThreeEngines(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", "a", "ab abcd", "A\nab\na", "straße STRASSE ẞ ſK\u212a", "12 345 \u0663\u0664\u0665", `it's "quoted" \/#{}$ ${X} $(.*)`, "äa aä éa", "αβγ abc", "😀 x\u2028y", "xy yy xxy",
		"tab\there", "a b\u00a0c", "token: abc'def123", "[redacted]", "%2F {{ x }} #{x} -^]", "aab aaab", "a\r\nb", "_a-b.c",
	}
	random := rand.New(rand.NewSource(1))
	alphabet := []rune("ab \n'$\\{}é😀1_-K\u212aſß\u0663.")
	for range 40 {
		text := make([]rune, random.Intn(12))
		for i := range text {
			text[i] = alphabet[random.Intn(len(alphabet))]
		}
		texts = append(texts, string(text))
	}
	used := 0
	for _, expression := range expressions() {
		forRust, err := translate(expression, rust, nil)
		forRuby, other := translate(expression, ruby, nil)
		if err != nil || other != nil {
			if !strings.Contains(err.Error(), "empty text") {
				t.Errorf("%s: %v, %v", expression, err, other)
			}
			continue
		}
		used++
		if strings.ContainsAny(forRust+forRuby, "'\"#\n{{") && regexp.MustCompile(`['"#\n]|\{\{|#\{`).MatchString(forRust+forRuby) {
			t.Errorf("%s became %s and %s, which hold characters that mean something to a configuration", expression, forRust, forRuby)
		}
		re := regexp.MustCompile(expression)
		b := loki("team", "logs", "", v1alpha1.LogCollection{})
		r := route{Backend: &b, selection: selection{include: []selector{{}}}}
		var vrl, ruby []any
		for _, text := range texts {
			r.redact = []string{forRust}
			vrl = append(vrl, map[string]any{"program": r.shape(), "event": line{message: text}.vector()})
			r.redact = []string{forRuby}
			ruby = append(ruby, map[string]any{"route": r.fluentd(), "record": line{message: text}.fluentd()})
		}
		one := runVRL(t, vrl)
		two := runRuby(t, ruby)
		for i, text := range texts {
			want := re.ReplaceAllLiteralString(text, "[redacted]")
			if one[i] == nil || one[i].Error != "" || one[i].Event["message"] != want {
				t.Errorf("VRL: %s as %s on %q gives %+v, want %q", expression, forRust, text, one[i], want)
			}
			if two[i] == nil || two[i].Error != "" || two[i].Event["message"] != want {
				t.Errorf("Ruby: %s as %s on %q gives %+v, want %q", expression, forRuby, text, two[i], want)
			}
		}
	}
	if used < 40 {
		t.Errorf("only %d expressions were tried", used)
	}
}

func TestABadExpressionCannotHangFluentd(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for _, expression := range []string{`(a*)*b`, `(a+)+b`, `(x+x+)+y`, `((a{1,99}){1,99})b`} {
		if translated, err := translate(expression, ruby, nil); err == nil {
			t.Errorf("%s is let through as %s", expression, translated)
		}
		if _, err := translate(expression, rust, nil); err != nil && !strings.Contains(err.Error(), "too large") &&
			!strings.Contains(err.Error(), "repeat count") {
			t.Errorf("%s is refused for Vector, whose engine is linear: %v", expression, err)
		}
	}
	if time.Since(began) > 10*time.Second {
		t.Error("the translation is slow")
	}
}
