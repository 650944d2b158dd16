package elasticsearch

import (
	"context"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// maxPolicies that are read, where the indices of a pattern follow several.
const maxPolicies = 10

// Retention that the write index's policy applies, or, where it has none, the policies of the indices that are searched: the
// shortest of them. It is the age in the phase or state that deletes, which counts from the rollover of an index where there
// is one. Known is false where no policy is there.
func (p *Provider) Retention(ctx context.Context) (logs.Retention, bool, error) {
	about, err := p.about(ctx, false)
	if err != nil {
		return logs.Retention{}, false, err
	}
	readers := []func(context.Context, string) (logs.Retention, bool, error){p.lifecycle, p.dataStream}
	if about.flavor == flavorOpenSearch {
		readers = []func(context.Context, string) (logs.Retention, bool, error){p.stateManagement}
	}
	for _, index := range slices.Compact([]string{p.writeIndex, p.index}) {
		for _, read := range readers {
			retention, known, err := read(ctx, index)
			if err != nil && !untold(err) {
				return logs.Retention{}, false, err
			}
			if err == nil && known {
				return retention, true, nil
			}
		}
	}
	return logs.Retention{}, false, nil
}

// shortest of the retentions that policies apply. One that cannot be read is passed over.
func shortest(names []string, kind string, read func(name string) (keeps time.Duration, known bool, err error)) (logs.Retention, bool,
	error) {
	var found logs.Retention
	known := false
	for _, name := range names[:min(len(names), maxPolicies)] {
		keeps, told, err := read(name)
		if err != nil && !untold(err) {
			return logs.Retention{}, false, err
		}
		if err != nil || !told {
			continue
		}
		if !known || found.Keeps == 0 || (keeps > 0 && keeps < found.Keeps) {
			found = logs.Retention{Keeps: keeps, Source: kind + " " + nameForMessage(name)}
		}
		known = true
	}
	return found, known, nil
}

// policyName is one that may stand in a path.
func policyName(name string) bool {
	return name != "" && len(name) <= 255 && name != "." && name != ".."
}

// lifecycle reads the ILM policies of indices.
func (p *Provider) lifecycle(ctx context.Context, index string) (logs.Retention, bool, error) {
	var answer map[string]struct{ Settings map[string]setting }
	err := p.client.JSON(
		ctx,
		provider.Request{
			Operation: "settings", Path: "/" + index + "/_settings/index.lifecycle.*", MaxBytes: provider.ListBytes,
			Query: url.Values{"flat_settings": {"true"}, "ignore_unavailable": {"true"}, "allow_no_indices": {"true"}},
		},
		&answer,
	)
	if err != nil {
		return logs.Retention{}, false, err
	}
	names := map[string]bool{}
	for _, each := range answer {
		// A data stream's own lifecycle wins where the index says so.
		if name := string(each.Settings["index.lifecycle.name"]); policyName(name) &&
			each.Settings["index.lifecycle.prefer_ilm"] != "false" {
			names[name] = true
		}
	}
	return shortest(slices.Sorted(maps.Keys(names)), "ILM policy", func(name string) (time.Duration, bool, error) {
		return p.lifecyclePolicy(ctx, name)
	})
}

func (p *Provider) lifecyclePolicy(ctx context.Context, name string) (time.Duration, bool, error) {
	var answer map[string]struct {
		Policy struct {
			Phases map[string]struct {
				MinAge  string `json:"min_age"`
				Actions map[string]ignored
			}
		}
	}
	request := provider.Request{Operation: "retention", Path: "/_ilm/policy/" + name, MaxBytes: provider.ProbeBytes}
	if err := p.client.JSON(ctx, request, &answer); err != nil {
		return 0, false, err
	}
	policy, there := answer[name]
	if !there {
		return 0, false, p.client.Invalid(nil)
	}
	phase, deletes := policy.Policy.Phases["delete"]
	if !deletes {
		return 0, true, nil
	}
	if _, deletes = phase.Actions["delete"]; !deletes {
		return 0, true, nil
	}
	keeps, is := timeValue(phase.MinAge)
	return keeps, is, nil
}

// dataStream reads the lifecycle that a data stream has itself, since Elasticsearch 8.11.
func (p *Provider) dataStream(ctx context.Context, index string) (logs.Retention, bool, error) {
	var answer struct {
		Streams []struct {
			Name      string
			Lifecycle *struct {
				Enabled   *bool
				Retention string `json:"data_retention"`
				Effective string `json:"effective_retention"`
			}
		} `json:"data_streams"`
	}
	request := provider.Request{Operation: "retention", Path: "/_data_stream/" + index, MaxBytes: provider.ListBytes}
	if err := p.client.JSON(ctx, request, &answer); err != nil {
		return logs.Retention{}, false, err
	}
	keeps := map[string]time.Duration{}
	for _, stream := range answer.Streams {
		if stream.Lifecycle == nil || (stream.Lifecycle.Enabled != nil && !*stream.Lifecycle.Enabled) {
			continue
		}
		text := stream.Lifecycle.Effective // what a limit of the whole cluster makes of it
		if text == "" {
			text = stream.Lifecycle.Retention
		}
		if age, is := timeValue(text); is || text == "" {
			keeps[stream.Name] = age
		}
	}
	return shortest(slices.Sorted(maps.Keys(keeps)), "lifecycle of data stream", func(name string) (time.Duration, bool, error) {
		return keeps[name], true, nil
	})
}

// timeValue of Elasticsearch and OpenSearch, such as 30d; zero is at once and negative is never, neither of which is reported.
func timeValue(text string) (time.Duration, bool) {
	const maxDigits = 9 // before and behind the point
	number := text[:len(text)-len(strings.TrimLeft(text, "0123456789."))]
	whole, fraction, pointed := strings.Cut(number, ".")
	if len(whole) < 1 || len(whole) > maxDigits || len(fraction) > maxDigits || (pointed && fraction == "") ||
		strings.Contains(fraction, ".") {
		return 0, false
	}
	var unit time.Duration
	switch text[len(number):] {
	case "d":
		unit = 24 * time.Hour
	case "h":
		unit = time.Hour
	case "m":
		unit = time.Minute
	case "s":
		unit = time.Second
	case "ms":
		unit = time.Millisecond
	case "micros":
		unit = time.Microsecond
	case "nanos":
		unit = 1
	}
	n, err := strconv.ParseFloat(number, 64)
	if value := n * float64(unit); err == nil && value >= 1 && value < float64(math.MaxInt64) {
		return time.Duration(value), true
	}
	return 0, false
}
