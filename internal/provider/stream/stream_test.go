package stream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/stream"
)

// everything has a field of each kind that is supported.
type everything struct {
	Text    string  `json:"text"`
	Short   string  `json:"short" max:"4"`
	Number  float64 `json:"number"`
	Whole   int64   `json:"whole"`
	Small   int8
	Count   uint32
	Is      *bool
	Literal json.Number
	At      time.Time
	List    []everything
	Texts   map[string]string
	Maps    map[string]map[string]*int
	Empty   struct{}
}

func decode(text string, into any) error {
	return stream.New(iotest.OneByteReader(strings.NewReader(text)), stream.Limits{}).Decode(into)
}

func TestDecodeReadsWhatEncodingJSONReads(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"text":"a","number":1.5e3,"whole":-7,"small":127,"COUNT":4294967295,"is":true,"literal":12.50,"at":"2026-01-02T03:04:05.6Z"}`,
		` { "list" : [ { "text" : "é\u00e9\ud83d\ude00\ud83d\"\\\/\b\f\n\r\t" } , { } ] } `,
		`{"unknown" : [ { "a" : [ null , -0.5E+3 , "\u0000" ] } ] } `,
		`{"texts":{"a":"b","c":null},"maps":{"x":{"y":1},"z":null},"empty":{"a":1},"is":false,"literal":"5"}`,
		`{"text":"1","text":"2","texts":{"a":"b"},"texts":{"c":"d"}}`,
		"{\"text\":\"a\xffb\xc3\",\"texts\":{\"\xff\":\"\xe2\x82\"}}",
		`{"text":null,"number":null,"list":[],"texts":{}}`, `null`, `{}`,
	} {
		var got, want everything
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if err := decode(text, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestMalformedJSONIsAnErrorOfItsKind(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range []struct {
		text string
		want error
	}{
		{``, io.EOF}, {`{`, io.ErrUnexpectedEOF}, {`{"text":"a`, io.ErrUnexpectedEOF}, {`{"text":"\u12`, io.ErrUnexpectedEOF},
		{`{"number":1`, io.ErrUnexpectedEOF}, {`{"x":tru`, io.ErrUnexpectedEOF}, {`{"x":-`, io.ErrUnexpectedEOF},
		{`<html>`, stream.ErrSyntax}, {`{"a" 1}`, stream.ErrSyntax}, {`{"a":1,}`, stream.ErrSyntax}, {`{,}`, stream.ErrSyntax},
		{`{"a":[1,]}`, stream.ErrSyntax}, {`{"a":[1 2]}`, stream.ErrSyntax}, {`{"a":01}`, stream.ErrSyntax},
		{`{"a":1.}`, stream.ErrSyntax},
		{`{"a":"` + "\n" + `"}`, stream.ErrSyntax}, {`{"a":"\x"}`, stream.ErrSyntax}, {`{"a":trux}`, stream.ErrSyntax},
		{`[]`, stream.ErrShape}, {`{"text":1}`, stream.ErrShape}, {`{"whole":1.5}`, stream.ErrShape}, {`{"small":128}`, stream.ErrShape},
		{`{"whole":` + strings.Repeat("9", 1<<20) + `}`, stream.ErrShape},
		{`{"list":{}}`, stream.ErrShape}, {`{"at":"x"}`, stream.ErrShape},
		{`{"x":` + deep(stream.DefaultDepth) + `}`, &stream.LimitError{}}, {`{"x":` + deep(stream.DefaultDepth-1) + `}`, nil},
		{`{"` + strings.Repeat("x", 1<<17) + `":1}`, &stream.LimitError{}},
	} {
		var got everything
		err := decode(test.text, &got)
		var limit *stream.LimitError
		if errors.As(test.want, &limit) && errors.As(err, &limit) {
			continue
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%.60s: got %v, want %v", test.text, err, test.want)
		}
	}
	for _, unsupported := range []any{new(any), new(json.RawMessage), new(map[string]any), new([]chan int)} {
		if err := decode(`{"a":[1]}`, unsupported); err == nil {
			t.Errorf("%T was decoded", unsupported)
		}
	}
}

func TestErrorsOfTheReaderAreReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, start := range []string{``, `{`, `{"whole":12`, `{"text":"a`, `{"list":[`, `{"x":[[1,`} {
		var got everything
		in := io.MultiReader(strings.NewReader(start), iotest.ErrReader(broken))
		if err := stream.New(in, stream.Limits{}).Decode(&got); !errors.Is(err, broken) {
			t.Errorf("%q: got %v", start, err)
		}
	}
	var number int
	if err := stream.New(io.MultiReader(strings.NewReader("12"), iotest.ErrReader(broken)), stream.Limits{}).Decode(&number); err == nil {
		t.Error("a number that broke off was taken")
	}
}

func TestTextIsClippedAtAWholeCharacter(t *testing.T) {
	t.Parallel()
	for _, filler := range []string{"", strings.Repeat("x", 40_000)} { // within the buffer, and longer
		for max, want := range map[int]string{
			0: "", 1: "", 2: "é", 3: "é", 4: "éé", 5: "éé" + clipped(filler, 1), 100: "éé" + clipped(filler, 96),
		} {
			d := stream.New(strings.NewReader(`["éé`+filler+`",7]`), stream.Limits{})
			var rest int64
			err := d.Array(func() error {
				if kind, _ := d.Kind(); kind == stream.Number {
					var err error
					rest, err = d.Int64()
					return err
				}
				text, err := d.Text(max)
				if text != want {
					t.Errorf("clipped at %d: %q, want %q", max, text, want)
				}
				return err
			})
			if err != nil || rest != 7 {
				t.Errorf("clipped at %d: %v, and %d follows", max, err, rest)
			}
		}
	}
}

func clipped(text string, max int) string { return text[:min(len(text), max)] }

func TestAScalarIsReadAsTextAndAContainerIsSkipped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"a"`: "a", `1.50`: "1.50", `true`: "true", `null`: "-", `{"a":1}`: "-",
		`[]`: "-", `[{"a":1},["b"],"c","d"]`: "c", `["a","b"]`: "a",
		`[null,false]`: "false",
	} {
		d := stream.New(strings.NewReader(text), stream.Limits{})
		got, is, err := d.Scalar(10)
		if !is {
			got = []byte("-")
		}
		if more, _ := d.More(); err != nil || string(got) != want || more {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// hostileValues are values whose decoded form can be a multiple of their size.
func hostileValues() map[string]string {
	const size = 1 << 20
	repeat := func(open, part, end string) string {
		return open + strings.TrimSuffix(strings.Repeat(part, size/len(part)), ",") + end
	}
	return map[string]string{
		"empty objects":   repeat(`{"list":[`, `{},`, `]}`),
		"nulls":           repeat(`{"list":[`, `null,`, `]}`),
		"empty strings":   repeat(`{"texts":{"":""`, `,"":""`, `}}`),
		"many names":      manyNames(size),
		"objects of maps": repeat(`{"list":[`, `{"texts":{"":""},"maps":{"":{}}},`, `]}`),
		"unknown objects": repeat(`{"x":[`, `{},`, `]}`),
		"nested objects":  repeat(`{"x":[`, `{"a":{"b":[[[]]]}},`, `]}`),
		"a long string":   `{"text":"` + strings.Repeat("x", size) + `"}`,
		"escapes":         `{"text":"` + strings.Repeat(`\u00e9`, size/6) + `"}`,
		"invalid UTF-8":   `{"text":"` + strings.Repeat("\xff", size) + `"}`,
		"a long number":   `{"number":1` + strings.Repeat("0", size) + `}`,
		"the same list":   `{` + strings.TrimSuffix(strings.Repeat(`"list":[{},{},{},{}],`, size/21), ",") + `}`,
		"deep":            `{"x":` + strings.Repeat(`{"a":`, size/5),
	}
}

func manyNames(size int) string {
	var text strings.Builder
	text.WriteString(`{"texts":{"":""`)
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, `,"%x":""`, i)
	}
	return text.String() + `}}`
}

func TestMemoryIsBoundedWhateverTheJSONLooksLike(t *testing.T) {
	for name, text := range hostileValues() {
		var got everything
		limit := int64(2 * len(text))
		allocated := allocates(func() {
			err := stream.New(strings.NewReader(text), stream.Limits{Memory: limit}).Decode(&got)
			var exceeded *stream.LimitError
			if err != nil && !errors.As(err, &exceeded) && !errors.Is(err, stream.ErrShape) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if bound := uint64(5*limit) + 1<<20; allocated > bound {
			t.Errorf("%s: %d bytes were allocated for %d, want at most %d", name, allocated, len(text), bound)
		}
	}
}

// allocates is how many bytes a function allocates.
func allocates(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzSkip(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+3,"\u00e9\ud83d",null,true,false,{}]}`, `[`, `01`, `"\x"`, "\"\n\"", ` 1 `, `{"a" :1}`, `{}x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := stream.New(iotest.HalfReader(bytes.NewReader(text)), stream.Limits{Depth: 10_000})
		err := d.Skip()
		more, moreErr := d.More()
		got := err == nil && moreErr == nil && !more
		if want := json.Valid(text); got != want {
			t.Errorf("%q is skipped: %v (%v), valid: %v", text, got, err, want)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, text := range hostileValues() {
		f.Add([]byte(text[:min(len(text), 200)]))
	}
	f.Add([]byte(`{"text":"é\ud83d\ude00","short":"ééé","list":[{"whole":1}],"texts":{"a":"b"},"maps":{"x":{"y":1}}}`))
	f.Add([]byte(`{"at":"2026-01-02T03:04:05Z","count":1,"is":true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want everything
		limit := int64(2*len(text) + 64<<10)
		var err error
		allocated := allocates(func() {
			err = stream.New(bytes.NewReader(text), stream.Limits{Memory: limit}).Decode(&got)
		})
		if bound := uint64(5*limit) + 1<<20; allocated > bound {
			t.Errorf("%d bytes were allocated for %d, want at most %d", allocated, len(text), bound)
		}
		if !utf8.ValidString(got.Text) || len(got.Short) > 4 {
			t.Errorf("got %+v", got)
		}
		if err != nil || json.NewDecoder(bytes.NewReader(text)).Decode(&want) != nil {
			return
		}
		unclip(&got, &want)
		if !reflect.DeepEqual(got, want) && !foreignNames(text) {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	})
}

// unclip makes clipped fields equal.
func unclip(got, want *everything) {
	if strings.HasPrefix(want.Short, got.Short) {
		got.Short = want.Short
	}
	for i := range min(len(got.List), len(want.List)) {
		unclip(&got.List[i], &want.List[i])
	}
}

// foreignNames reports names that encoding/json may fold to a field in its own way, and repeated ones, whose values it merges.
func foreignNames(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf || c == '\\' {
			return true
		}
	}
	for _, name := range []string{"list", "maps", "is", "texts"} {
		if bytes.Count(bytes.ToLower(text), []byte(`"`+name+`"`)) > 1 {
			return true
		}
	}
	return false
}

func BenchmarkSkip(b *testing.B) {
	text := hostileValues()["nested objects"]
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := stream.New(strings.NewReader(text), stream.Limits{}).Skip(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkValid is what encoding/json takes to look at the same, for comparison.
func BenchmarkValid(b *testing.B) {
	text := []byte(hostileValues()["nested objects"])
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !json.Valid(text) {
			b.Fatal("not valid")
		}
	}
}
