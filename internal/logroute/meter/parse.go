package meter

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	// MaxBytes is how long an answer may be. Vector has about 20 KiB for each route, Fluentd up to 67 samples of 200 bytes. A collector
	// with a longer one counts as unread: a part of the counts would be taken for counters that began again.
	MaxBytes = 8 << 20
	// maxSample is the longest line of an answer.
	maxSample = 16 << 10
	// maxKept is how many bytes of samples are parsed at once.
	maxKept = 64 << 10
	// maxReasons of one route are told apart: Vector has one for each status of a tenant's server.
	maxReasons = 128
)

// lines of one route in one process, since its start.
type lines struct {
	// sent were accepted by the server, and refused were rejected by it. overflow found the buffer full, and lost could not be written.
	sent, refused, overflow, lost int64
	// reasons of refusals: requests of Vector and lines of Fluentd, by status of HTTP or another word.
	reasons map[string]int64
}

// parse the metrics of a collector, by route. All but a few of them are skipped before they are parsed. Memory grows with the number of
// routes only.
func parse(body io.Reader) (map[string]*lines, error) {
	out := routes{all: map[string]*lines{}, id: regexp.MustCompile(`^b_[a-z0-9_]{1,81}_[0-9a-f]{10}$`)}
	var kept bytes.Buffer
	limited := &io.LimitedReader{R: body, N: MaxBytes + 1}
	scanner := bufio.NewScanner(limited)
	scanner.Buffer(make([]byte, 0, 4<<10), maxSample)
	for scanner.Scan() {
		if line := scanner.Bytes(); isRead(line) {
			kept.Write(append(line, '\n'))
		}
		if kept.Len() < maxKept {
			continue
		}
		if err := out.addAll(&kept); err != nil {
			return nil, err
		}
	}
	switch err := scanner.Err(); {
	case err != nil:
		return nil, fmt.Errorf("read metrics: %w", err)
	case limited.N == 0:
		return nil, fmt.Errorf("the metrics have more than %d MiB", MaxBytes>>20)
	}
	return out.all, out.addAll(&kept)
}

// isRead reports whether a line is one of the samples that count. Of the responses of a server, only errors of the client are reasons: a
// server may respond with every status there is.
func isRead(line []byte) bool {
	name, labels, _ := bytes.Cut(line, []byte("{"))
	switch string(name) {
	case "vector_component_sent_events_total", "vector_component_discarded_events_total", "vector_buffer_discarded_events_total",
		"kubeops_collector_lines_total":
		return labels != nil
	case "vector_http_client_responses_total":
		return bytes.Contains(labels, []byte(`status="4`))
	}
	return false
}

// routes collects the samples by route.
type routes struct {
	all map[string]*lines
	id  *regexp.Regexp
}

// addAll parses samples and empties the buffer.
func (r routes) addAll(samples *bytes.Buffer) error {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(samples)
	if err != nil {
		return fmt.Errorf("parse metrics: %w", err)
	}
	samples.Reset()
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			r.add(name, metric)
		}
	}
	return nil
}

// of is the route of a component; nil if it is none.
func (r routes) of(id string) *lines {
	if !r.id.MatchString(id) {
		return nil
	}
	if r.all[id] == nil {
		r.all[id] = &lines{reasons: map[string]int64{}}
	}
	return r.all[id]
}

func (r routes) add(name string, metric *dto.Metric) {
	value := count(metric)
	labels := map[string]string{}
	for _, pair := range metric.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	component := labels["component_id"]
	route := r.of(component)
	switch name {
	case "vector_component_sent_events_total":
		if route != nil {
			route.sent += value
		}
	case "vector_component_discarded_events_total":
		if route != nil && labels["intentional"] != "true" {
			route.refused += value
		} else if shape := r.of(strings.TrimSuffix(component, "_shape")); shape != nil && strings.HasSuffix(component, "_shape") {
			shape.lost += value
		}
	case "vector_buffer_discarded_events_total":
		if buffer := r.of(firstOf(labels["buffer_id"], component)); buffer != nil {
			buffer.overflow += value
		}
	case "vector_http_client_responses_total":
		// 429 is sent again: it is no reason for a loss, but may be the most frequent status.
		if status := labels["status"]; route != nil && strings.HasPrefix(status, "4") && status != "429" {
			route.rejected(status, value)
		}
	case "kubeops_collector_lines_total":
		r.addFluentd(labels, value)
	}
}

func (r routes) addFluentd(labels map[string]string, value int64) {
	route := r.of(labels["route"])
	if route == nil {
		return
	}
	switch labels["result"] {
	case "sent":
		route.sent += value
	case "refused":
		route.refused += value
		route.rejected(strings.TrimPrefix(labels["reason"], "http_"), value)
	case "dropped":
		if labels["reason"] == "buffer_full" {
			route.overflow += value
		} else {
			route.lost += value
		}
	}
}

func firstOf(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// rejected counts a reason. What would be more than the limit is counted as other.
func (l *lines) rejected(text string, count int64) {
	text = reason(text)
	if _, known := l.reasons[text]; !known && len(l.reasons) >= maxReasons {
		text = "other"
	}
	l.reasons[text] += count
}

// reason is a status of HTTP or a short word; it becomes part of a condition.
func reason(text string) string {
	const maxReason = 48
	plain := func(c rune) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }
	if text == "" || len(text) > maxReason || strings.ContainsFunc(text, func(c rune) bool { return !plain(c) }) {
		return "other"
	}
	return text
}

// count is the value of a counter; 0 for what can be none.
func count(metric *dto.Metric) int64 {
	value := metric.GetUntyped().GetValue() + metric.GetCounter().GetValue()
	if math.IsNaN(value) || value < 0 || value > 1<<53 {
		return 0
	}
	return int64(value)
}
