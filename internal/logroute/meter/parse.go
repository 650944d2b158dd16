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
	// maxBody is how much of an answer is read. Vector has about 20 KiB for each route.
	maxBody = 8 << 20
	// maxSample is the longest line of an answer.
	maxSample = 16 << 10
	// maxKept bounds the samples that are parsed.
	maxKept = 1 << 20
)

// lines of one route in one process, since its start.
type lines struct {
	// sent were accepted by the server, and refused were rejected by it. overflow found the buffer full, and lost could not be written.
	sent, refused, overflow, lost int64
	// reasons of refusals: requests of Vector and lines of Fluentd, by status of HTTP or another word.
	reasons map[string]int64
}

// metricNames are the samples that are read.
func metricNames() []string {
	return []string{
		"vector_component_sent_events_total{", "vector_component_discarded_events_total{", "vector_buffer_discarded_events_total{",
		"vector_http_client_responses_total{", "kubeops_collector_lines_total{",
	}
}

// parse the metrics of a collector, by route. All but a few of them are skipped before they are parsed.
func parse(body io.Reader) (map[string]*lines, error) {
	var kept bytes.Buffer
	scanner := bufio.NewScanner(io.LimitReader(body, maxBody))
	scanner.Buffer(make([]byte, 0, 4<<10), maxSample)
	for scanner.Scan() {
		line := scanner.Text()
		for _, name := range metricNames() {
			if strings.HasPrefix(line, name) && kept.Len()+len(line) < maxKept {
				kept.WriteString(line + "\n")
			}
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(&kept)
	if err != nil {
		return nil, fmt.Errorf("parse metrics: %w", err)
	}
	out := routes{all: map[string]*lines{}, id: regexp.MustCompile(`^b_[a-z0-9_]{1,81}_[0-9a-f]{10}$`)}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			out.add(name, metric)
		}
	}
	return out.all, nil
}

// routes collects the samples by route.
type routes struct {
	all map[string]*lines
	id  *regexp.Regexp
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
			route.reasons[reason(labels["status"])] += value
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
		route.reasons[reason(strings.TrimPrefix(labels["reason"], "http_"))] += value
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

// reason is a status of HTTP or a short word; it becomes part of a condition.
func reason(text string) string {
	if !regexp.MustCompile(`^[a-z0-9_]{1,48}$`).MatchString(text) {
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
