package logroute

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
)

// A line is sent, refused or dropped once, however often its chunk is sent.
func TestAChunkIsCountedOnceAndWhenItIsDone(t *testing.T) {
	t.Parallel()
	const (
		created   = `{"create":{"status":201}}`
		exists    = `{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"there"}}}`
		busy      = `{"create":{"status":429,"error":{"type":"es_rejected_execution_exception"}}}`
		mapping   = `{"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"password=hunter"}}}`
		readOnly  = `{"create":{"status":403,"error":{"type":"cluster_block_exception"}}}`
		unnamed   = `{"create":{"status":400,"error":"password=hunter"}}`
		quoting   = `{"create":{"status":400,"error":{"type":"a line: password=hunter"}}}`
		noText    = `{"create":{"status":400,"error":{"type":"aBYTE"}}}`
		malformed = `{"create":{"status":["400"]}}`
	)
	bulk := func(items ...string) []any {
		return []any{200, `{"errors":true,"items":[` + strings.Join(items, ",") + `]}`}
	}
	event := func(message string) any {
		return map[string]any{"message": message, "kubeops_id": message, "kubernetes": map[string]any{}}
	}
	two, bad := []any{event("a"), event("b")}, []any{event("a"), "OBJECT", event("b")}
	for name, tc := range map[string]struct {
		events   []any
		answers  []any
		attempts float64
		want     []string
	}{
		"accepted":                      {two, []any{[]any{200, `{"errors":false}`}}, 1, []string{"sent  2"}},
		"after an outage":               {two, []any{[]any{0, ""}, []any{503, ""}, []any{200, "{}"}}, 3, []string{"sent  2"}},
		"a line that cannot be written": {bad, []any{[]any{0, ""}, []any{429, ""}, []any{200, "{}"}}, 3, []string{"dropped invalid 1", "sent  2"}},
		"all refused":                   {bad, []any{[]any{503, ""}, []any{413, ""}}, 2, []string{"dropped invalid 1", "refused http_413 2"}},
		"one refused":                   {two, []any{bulk(created, mapping)}, 1, []string{"refused mapper_parsing_exception 1", "sent  1"}},
		"one refused and one busy":      {two, []any{bulk(busy, mapping), bulk(created, mapping)}, 2, []string{"refused mapper_parsing_exception 1", "sent  1"}},
		"one stored and one busy":       {two, []any{bulk(created, busy), bulk(exists, created)}, 2, []string{"sent  2"}},
		"two reasons":                   {two, []any{bulk(readOnly, mapping)}, 1, []string{"refused cluster_block_exception 1", "refused mapper_parsing_exception 1", "sent  0"}},
		"no reason, or one that quotes": {two, []any{bulk(unnamed, quoting)}, 1, []string{"refused response 2", "sent  0"}},
		"more refused than sent":        {two, []any{bulk(mapping, mapping, mapping)}, 1, []string{"refused mapper_parsing_exception 3", "sent  0"}},
		"a reason that is no text":      {two, []any{bulk(created, noText)}, 1, []string{"refused response 1", "sent  1"}},
		"an answer that is no answer":   {two, []any{bulk(malformed, "[]", "7")}, 1, []string{"sent  2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := startRuby(t, "output.rb").ask(t, map[string]any{
				"route": programsOf(t, elasticsearch("shop", "logs", v1alpha1.LogCollection{})).ruby, "events": tc.events, "answers": tc.answers,
			}).Event
			var counts []string
			for _, line := range got["counts"].([]any) {
				text := strings.NewReplacer(`kubeops_collector_lines_total{route="b_shop_logs_0123456789",result="`, "", `",reason="`, " ", `"}`, "").Replace(line.(string))
				counts = append(counts, text)
			}
			slices.Sort(counts)
			if diff := cmp.Diff(tc.want, counts); diff != "" || got["attempts"] != tc.attempts || got["logged"].(float64) > float64(len(tc.events)-1) {
				t.Errorf("%v attempts, %v messages, counts (-want +got):\n%s", got["attempts"], got["logged"], diff)
			}
		})
	}
}

// A disk that fails at that time must not end the timer, which Fluentd does at the first error.
func TestAClockThatWentBackIsFollowedUntilItsChunksAreSent(t *testing.T) {
	t.Parallel()
	route := programsOf(t, elasticsearch("shop", "logs", v1alpha1.LogCollection{})).ruby
	for name, tc := range map[string]struct {
		clock           []float64
		flushes, logged float64
	}{
		"forth, and corrected by less than a second": {[]float64{0, 3600, -0.5, -0.9}, 0, 0},
		"back, while the disk fails":                 {[]float64{0, -3600}, 0, 1},
		"and when it works again":                    {[]float64{0, -3600, 0, 0}, 1, 1},
		"back twice":                                 {[]float64{0, -3600, 0, -5, 0}, 2, 1},
	} {
		got := startRuby(t, "output.rb").ask(t, map[string]any{"route": route, "clock": tc.clock}).Event
		if got["flushes"] != tc.flushes || got["logged"] != tc.logged {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
