package template

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// masked returns the template of a line; empty if it has none.
func masked(line string) string {
	t := New[int](Options{}, nil).Learn(line)
	if t == nil {
		return ""
	}
	return t.String()
}

func TestVariablePartsAreMasked(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"took 12ms, 3 retries, 45.7% of 1,024 KiB":                            "took <dur>, <num> retries, <num>% of <num> KiB",
		"after 1m30.5s and 12µs":                                              "after <dur> and <dur>",
		"2026-01-15T12:00:00.123Z ERROR x":                                    "<time> ERROR x",
		"2026-01-15 12:00:00,123 ERROR x":                                     "<time> ERROR x",
		"2026/01/15 12:00:00 [error] 7#12: *5 x":                              "<time> [error] <num>#<num>: *<num> x",
		"E0102 15:04:05.123456       1 controller.go:12] x":                   "E<time> <num> controller.go:<num>] x",
		"id 550e8400-e29b-41d4-a716-446655440000":                             "id <uuid>",
		"dial tcp 10.0.3.7:5432: connect: connection refused":                 "dial tcp <ip>: connect: connection refused",
		"dial tcp [2001:db8::1]:443 and fe80::1":                              "dial tcp [<ip>]:<num> and <ip>",
		"at 0x7ffc01, sha 9f86d081884c7d65":                                   "at <hex>, sha <id>",
		"pod cart-7d9f8bc6f4-x2x4z on worker12":                               "pod cart-<id>-<id> on worker<num>",
		"GET /api/v1/orders/1234?page=2":                                      "GET /api/v<num>/orders/<num>?page=<num>",
		`relation "orders" does not exist`:                                    "relation <str> does not exist",
		`level=error msg="cannot reach db" user="al"`:                         "level=error msg=cannot reach db user=<str>",
		`it's can't and 'quoted here' don't`:                                  "it's can't and <str> don't",
		`an "open quote`:                                                      `an "open quote`,
		"temp=-5 and -7 +8":                                                   "temp=<num> and <num> <num>",
		"order_123 java.lang.NullPointerException Foo.java:12 std::bad_alloc": "order_<num> java.lang.NullPointerException Foo.java:<num> std::bad_alloc",
		"token=[redacted:3fa9] x":                                             "token=[redacted] x",
		"trace 00000000000000001234567890123456":                              "trace <id>",
		"":                                                                    "",
		" \t ":                                                                "",
	} {
		if got := masked(line); got != want {
			t.Errorf("%q\n got %q\nwant %q", line, got, want)
		}
	}
}

func mine(options Options, lines ...string) *Miner[int] {
	m := New[int](options, nil)
	for _, line := range lines {
		m.Learn(line)
	}
	return m
}

func told(m *Miner[int]) []string {
	var list []string
	for _, t := range m.Templates() {
		list = append(list, fmt.Sprintf("%d %s", t.Count, t))
	}
	return list
}

func TestSimilarLinesShareATemplate(t *testing.T) {
	t.Parallel()
	m := mine(Options{},
		"ERROR user alice not found in tenant 7", "ERROR user bob not found in tenant 8", "ERROR user carol not found in tenant 9",
		"ERROR cannot open /var/lib/a: permission denied", "ERROR cannot open /var/lib/a: no such file",
		"ready", "set", "", "   ",
	)
	want := []string{
		"3 ERROR user <*> not found in tenant <num>",
		"1 ERROR cannot open <path>: no such file",
		"1 ERROR cannot open <path>: permission denied",
		"1 ready", "1 set",
	}
	if diff := cmp.Diff(want, told(m)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if m.Find("ERROR user dave not found in tenant 1") == nil || m.Find("nothing of the kind was ever said") != nil {
		t.Error("Find does not know what Learn was told, or knows more")
	}
}

func TestLeastValuableTemplatesAreEvicted(t *testing.T) {
	t.Parallel()
	pool := &Pool{Max: 150}
	m, other := New[int](Options{MaxTemplates: 100, MaxMisses: 1 << 20, Pool: pool}, nil), New[int](Options{MaxTemplates: 100, MaxMisses: 1 << 20, Pool: pool}, nil)
	for range 5 {
		m.Learn("panic: the one that matters").Rank = 1
		other.Learn("it came often")
	}
	random := rand.New(rand.NewPCG(1, 1))
	word := func() string {
		letters := make([]byte, 8)
		for i := range letters {
			letters[i] = byte('a' + random.IntN(26))
		}
		return string(letters)
	}
	for range 20_000 {
		m.Learn(word() + " " + word())
		other.Learn("x " + word())
	}
	if len(m.all) > 100 || len(other.all) > 100 || pool.used > 150 || pool.used != len(m.all)+len(other.all) {
		t.Errorf("%d and %d templates, the pool counts %d", len(m.all), len(other.all), pool.used)
	}
	if m.Templates()[0].Count != 5 || other.Find("it came often") == nil {
		t.Error("what is valuable was given up")
	}
	counted := 0
	for _, template := range m.Templates() {
		counted += template.Count
	}
	if templates, lines := m.Evicted(); templates == 0 || lines+counted != 20_005 {
		t.Errorf("%d lines counted and %d given up with %d templates, want 20005 in all", counted, lines, templates)
	}
	if len(m.exact) > 100 || len(m.buckets) > 200 {
		t.Errorf("the index has %d texts and %d buckets of 100 templates", len(m.exact), len(m.buckets))
	}
}

func TestMissesAreBounded(t *testing.T) {
	t.Parallel()
	cleaned := 0
	m := New[int](Options{MaxTemplates: 10, MaxMisses: 30, Clean: func(line string) string { cleaned++; return line }}, nil)
	m.Learn("known")
	for i := range 1000 {
		word := string([]rune{rune('a' + i%26), rune('a' + i/26%26), rune('a' + i/676)})
		m.Learn(word + " " + word)
		m.Find("x" + word + " " + word)
	}
	if known := m.Find("known"); cleaned != 60 || known == nil && m.Templates()[0].Count > 1 {
		t.Errorf("%d lines were looked at closer", cleaned)
	}
	counted := 0
	for _, template := range m.Templates() {
		counted += template.Count
	}
	if _, lost := m.Evicted(); lost+counted < 1001 {
		t.Errorf("%d lines lost and %d counted, of 1001", lost, counted)
	}
}

func TestTemplatesContainOnlyCleanedText(t *testing.T) {
	t.Parallel()
	clean := func(line string) string { return strings.ReplaceAll(line, "hunter", "[redacted:3fa9]") }
	m := mine(Options{Clean: clean}, "login of bob with hunter failed", "login of bob with hunter failed",
		"login of bob with other failed", "hunter")
	want := []string{"3 login of bob with <*> failed", "1 [redacted]"}
	if diff := cmp.Diff(want, told(m)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLongAndInvalidLines(t *testing.T) {
	t.Parallel()
	m := mine(Options{MaxLine: 100}, strings.Repeat("a b ", 1<<20), "bad \xff\xfe utf-8 \xe2\x82", strings.Repeat("\xf0", 1000),
		"\x00\x01 x", strings.Repeat(`"`, 5000))
	if len(m.Templates()) != 5 {
		t.Errorf("got %v", told(m))
	}
	for _, template := range m.Templates() {
		if text := template.String(); !utf8.ValidString(text) || len(text) > 400 {
			t.Errorf("a template of %d bytes: %q", len(text), text)
		}
	}
	if got := masked(strings.Repeat("w ", 500)); strings.Count(got, "w") != maxTokens || !strings.HasSuffix(got, "<...>") {
		t.Errorf("got %q", got)
	}
}

func FuzzLearn(f *testing.F) {
	for _, line := range []string{"took 12ms", `a="b c" 'd' "e`, "10.0.0.1:80 ::1 aa:bb:cc", "2026-01-15T12:00:00Z", "1e9 0x 1.2.3 1,2", "[redacted:x] [redacted:", "\xff\xfe", "a\\\"b\"c"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m := New[int](Options{MaxTemplates: 10}, nil)
		template := m.Learn(line)
		if (template == nil) != (len(strings.Fields(strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, asBytes(m.cut(line))))) == 0) && template == nil {
			t.Fatalf("no template of %q", line)
		}
		if template == nil {
			return
		}
		if again := m.Learn(line); again != template || again.Count != 2 {
			t.Fatalf("the same line has another template: %q", line)
		}
		if !utf8.ValidString(template.String()) || len(template.tokens) > maxTokens+1 {
			t.Fatalf("%q", template)
		}
	})
}

// asBytes makes one character of each byte, so that only bytes are looked at.
func asBytes(line string) string {
	runes := make([]rune, len(line))
	for i := range len(line) {
		runes[i] = rune(line[i])
		if line[i] >= 0x80 {
			runes[i] = 'x'
		}
	}
	return string(runes)
}

// sample returns lines as programs write them.
func sample(n int) []string {
	random := rand.New(rand.NewPCG(2, 2))
	lines := make([]string, n)
	for i := range lines {
		switch i % 6 {
		case 0:
			lines[i] = fmt.Sprintf("2026-01-15T12:%02d:%02d.%03dZ INFO handled GET /api/v1/orders/%d in %dms status=200 trace=%016x",
				random.IntN(60), random.IntN(60), random.IntN(1000), random.IntN(1e6), random.IntN(900), random.Uint64())
		case 1:
			lines[i] = fmt.Sprintf(
				"2026-01-15 12:00:%02d,%03d ERROR [http-nio-8080-exec-%d] c.e.shop.OrderService - order %d of user u%d failed: connection to 10.0.%d.%d:5432 refused",
				random.IntN(60),
				random.IntN(1000),
				random.IntN(200),
				random.IntN(1e6),
				random.IntN(1e5),
				random.IntN(256),
				random.IntN(256),
			)
		case 2:
			lines[i] = fmt.Sprintf(
				`time="2026-01-15T12:00:00Z" level=warning msg="retrying request" attempt=%d backoff=%dms host="db-%d"`,
				random.IntN(9),
				random.IntN(5000),
				random.IntN(9),
			)
		case 3:
			lines[i] = fmt.Sprintf(
				"E0115 12:00:00.%06d       1 reconciler.go:%d] failed to sync pod shop/cart-%08x-%05x: context deadline exceeded",
				random.IntN(1e6),
				random.IntN(900),
				random.Uint32(),
				random.Uint32()&0xfffff,
			)
		case 4:
			lines[i] = fmt.Sprintf(
				`10.1.2.%d - - [15/Jan/2026:12:00:00 +0000] "GET /static/app.%08x.js HTTP/1.1" 200 %d "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
				random.IntN(256),
				random.Uint32(),
				random.IntN(1e6),
			)
		default:
			lines[i] = fmt.Sprintf("consumer group=orders partition=%d offset=%d lag=%d caught up", random.IntN(32), random.IntN(1e9),
				random.IntN(1e4))
		}
	}
	return lines
}

func BenchmarkLearn(b *testing.B) {
	lines := sample(10_000)
	bytes := 0
	for _, line := range lines {
		bytes += len(line)
	}
	m := New[int](Options{}, nil)
	for _, line := range lines {
		m.Learn(line)
	}
	b.SetBytes(int64(bytes / len(lines)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		m.Learn(lines[i%len(lines)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkLearnHostile is the worst case: each line is a new template, and none is kept.
func BenchmarkLearnHostile(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 3))
	lines := make([]string, 50_000)
	for i := range lines {
		words := make([]string, 20)
		for j := range words {
			words[j] = string(rune('a'+random.IntN(26))) + string(rune('a'+random.IntN(26))) + "q" + string(rune('a'+random.IntN(26)))
		}
		words[0], words[1] = "same", "beginning"
		lines[i] = strings.Join(words, " ")
	}
	m := New[int](Options{MaxMisses: 1 << 40}, nil)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		m.Learn(lines[i%len(lines)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
