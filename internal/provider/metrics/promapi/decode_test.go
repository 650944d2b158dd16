package promapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// decode an answer as get does.
func decode(text io.Reader, limits stream.Limits, wants string, most int, each func(element)) (*result, error) {
	r := &result{api: &API{options: Options{Budget: metrics.Budget{MaxSeries: most}.Defaulted()}}, wants: wants}
	r.each = func(e element) (bool, error) {
		each(e)
		return true, r.scanner.Keep(int64(len(e.points)) * pointBytes)
	}
	e := envelope{data: r.read}
	return r, e.read(stream.New(text, limits))
}

// What is decoded keeps its promises, whatever comes, and is what encoding/json makes of the same bytes.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up"},"value":[1767225600.5,"1"]},{"metric":{},"value":[1,"NaN"]}]},"warnings":["x"]}`,
		`{"data":{"result":[{"values":[[1,"2"],[2,"+Inf"],[3,"1e400"]],"metric":{"a\u00e9":"\"\\"}}],"resultType":"matrix"},"status":"success"}`,
		`{"status":"success","data":{"resultType":"scalar","result":[1767225600,"3"]}}`,
		`{"status":"error","errorType":"bad_data","error":"x","data":null}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b` + "\xff" + `"},"histogram":[1,{"buckets":[[0,"1"]]}],"value":[1e999,"1"]}]}}`,
		`{"data":{"result":[[[[[[`, `[]`, `null`, ``, `{"data":{"result":[1,2,3]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, wants := range []string{"vector", "matrix"} {
			count := 0
			var labels []metrics.Labels
			var r *result
			var err error
			memory.Bounded(t, len(text), func(limits stream.Limits) {
				r, err = decode(bytes.NewReader(text), limits, wants, 100, func(e element) {
					count++
					labels = append(labels, e.labels)
					check(t, e)
				})
			})
			if count > 100 {
				t.Fatalf("%d series of at most 100", count)
			}
			if err == nil && r.scalar != nil && !metrics.Usable(r.scalar.Value) {
				t.Fatalf("the scalar is %v", r.scalar.Value)
			}
			if err == nil && r.count > 0 {
				compare(t, text, labels)
			}
		}
	})
}

func check(t *testing.T, e element) {
	points := e.points
	if e.point != nil {
		points = append(points[:len(points):len(points)], *e.point)
	}
	for _, p := range points {
		if !metrics.Usable(p.Value) || p.Time.Year() > 9999 {
			t.Fatalf("a point is %v", p)
		}
	}
	for name, value := range e.labels {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			t.Fatalf("label %q=%q is not UTF-8", name, value)
		}
	}
	span := metrics.Range{Start: time.UnixMilli(0), End: time.UnixMilli(10_000)}
	kept := within(points, span)
	for i, p := range kept {
		if p.Time.Before(span.Start) || p.Time.After(span.End) || i > 0 && !kept[i-1].Time.Before(p.Time) {
			t.Fatalf("point %d of %v is out of place", i, kept)
		}
	}
}

// compare with what encoding/json reads, where the text names no field twice.
func compare(t *testing.T, text []byte, got []metrics.Labels) {
	if bytes.Count(text, []byte(`"metric"`)) != len(got) || bytes.Count(text, []byte(`"result"`)) != 1 ||
		bytes.Count(text, []byte(`"data"`)) != 1 {
		return
	}
	var naive struct {
		Data struct {
			Result []struct {
				Metric metrics.Labels `json:"metric"`
			} `json:"result"`
		} `json:"data"`
	}
	if json.NewDecoder(bytes.NewReader(text)).Decode(&naive) != nil || len(naive.Data.Result) != len(got) {
		return // encoding/json matches names in any case
	}
	for i, r := range naive.Data.Result {
		if len(r.Metric) > 0 && !reflect.DeepEqual(r.Metric, got[i]) &&
			!strings.Contains(strings.ToLower(string(text)), "metric\":null") {
			t.Fatalf("series %d has labels %q, encoding/json reads %q", i, got[i], r.Metric)
		}
	}
}

// answer of a server with many series, as kube-state-metrics and cAdvisor have them.
func answer(kind string, series, points int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"status":"success","data":{"resultType":%q,"result":[`, kind)
	for i := range series {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(
			&b,
			`{"metric":{"__name__":"container_memory_working_set_bytes","cluster":"production","container":"app-%d","namespace":"team-%d","node":"node-%d","pod":"shop-%d-7d9c5bdf6-x2x4z"},`,
			i%20,
			i%50,
			i%100,
			i,
		)
		if kind == "vector" {
			fmt.Fprintf(&b, `"value":[1767225600.123,"%d.5"]}`, i)
			continue
		}
		b.WriteString(`"values":[`)
		for p := range points {
			if p > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `[%d,"0.%04d"]`, 1767225600+60*p, p)
		}
		b.WriteString(`]}`)
	}
	b.WriteString(`]}}`)
	return b.Bytes()
}

func BenchmarkDecode(b *testing.B) {
	span := metrics.Range{Start: time.Unix(0, 0), End: time.Unix(1<<40, 0)}
	for name, text := range map[string][]byte{
		"vector/series=50000":           answer("vector", 50_000, 0),
		"matrix/series=1000/points=240": answer("matrix", 1000, 240),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				var kept []metrics.Series
				wants := strings.Split(name, "/")[0]
				_, err := decode(bytes.NewReader(text), stream.Limits{Memory: 64 << 20}, wants, 1<<20, func(e element) {
					kept = append(kept, metrics.Series{Labels: e.labels, Points: within(e.points, span)})
				})
				if err != nil || len(kept) == 0 {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecodeWhole is what reading the same with encoding/json costs, for comparison.
func BenchmarkDecodeWhole(b *testing.B) {
	text := answer("matrix", 1000, 240)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var whole struct {
			Data struct {
				Result []struct {
					Metric metrics.Labels
					Values [][2]any
				}
			}
		}
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&whole); err != nil || len(whole.Data.Result) != 1000 {
			b.Fatal(err)
		}
	}
}
