package promapi

import (
	"bytes"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// FuzzLists checks that what is no query decodes within its memory, whatever comes.
func FuzzLists(f *testing.F) {
	for _, seed := range []string{
		`{"name":"g","rules":[{"name":"r","query":"up","type":"alerting","health":"err","lastError":"x"},{}]}`,
		`{"labels":{"alertname":"a"},"annotations":{"b":"c"},"startsAt":"2026-01-02T03:04:05Z","status":{"state":"active"}}`,
		`[{"type":"gauge","help":"x"},{}]`, `{"a":"b"}`, `[]`, `null`, `{"rules":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a := &API{options: Options{Budget: metrics.Budget{MaxSeries: 10}.Defaulted()}}
		for _, decode := range []func(*stream.Decoder) error{
			func(d *stream.Decoder) error {
				rules, err := a.group(d, 0)
				if len(rules) > 10 {
					t.Errorf("%d rules of at most 10", len(rules))
				}
				return err
			},
			func(d *stream.Decoder) error { _, _, err := readAlert(d); return err },
			func(d *stream.Decoder) error { _, _, err := firstMetadata(d); return err },
			func(d *stream.Decoder) error {
				labels, err := (&scanner{Decoder: d}).labels()
				if len(labels) > maxLabels {
					t.Errorf("%d labels", len(labels))
				}
				return err
			},
			func(d *stream.Decoder) error { return d.Decode(&BuildInfo{}) },
		} {
			memory.Bounded(t, len(text), func(limits stream.Limits) { _ = decode(stream.New(bytes.NewReader(text), limits)) })
		}
	})
}

func FuzzReceivers(f *testing.F) {
	f.Add("global: {}\nreceivers:\n- name: a\n  slack_configs:\n  - channel: b\n- name: c\ntemplates: []\n")
	f.Add("receivers:\n  - name: a\n    email_configs:\n    - to: b\n  - name: c\n")
	f.Add("receivers: []\nroute:\n  routes:\n  - receiver: a\n")
	f.Add("receivers: [\n")
	f.Fuzz(func(t *testing.T, config string) {
		if count, err := receivers(config); err == nil && count > strings.Count(config, "-") {
			t.Errorf("%d receivers in %q", count, config)
		}
	})
}

func TestReceiversAreCountedInBlockStyle(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]int{
		"global: {}\nreceivers:\n- name: a\n  slack_configs:\n  - channel: b\n- name: c\ntemplates:\n- x\n": 2,
		"receivers:\n  - name: a\n    email_configs:\n    - to: b\n    # - name: d\n  - name: c\n":          2,
		"receivers: []\nroute:\n  routes:\n  - receiver: a\n":                                               0,
		"route:\n  receiver: a\n": 0, "receivers: [{name: a}]": -1, "": 0,
	} {
		got, err := receivers(config)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q has %d receivers, want %d", config, got, want)
		}
	}
}
