package loki

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// labelApp is written as a label of the stream, too; collectors set it from a Pod's label app.
const labelApp = "app"

// names knows how the labels of the contract are spelled in this Loki, and which labels streams have here. A label that no
// stream has may still be structured metadata of its lines.
type names struct {
	// spellings of each label of the contract, the usual one first. Fields of the settings leave only what they say.
	spellings map[string][]string
	// disputing are labels that may name another namespace; see logs.Fields.Disputing.
	disputing []string
	// ask the server for the names of all streams' labels.
	ask func(ctx context.Context, start, end time.Time) ([]string, error)

	mu         sync.Mutex
	known      map[string]bool
	start, end time.Time
	asked      time.Time
}

// How long an answer is good for, and how long when it lacks a label that is asked for.
const (
	namesKept        = 30 * time.Second
	namesKeptLacking = 2 * time.Second
)

// newNames with the spellings of Promtail, Alloy and Loki's charts; of Vector, Fluent Bit and Fluentd, whose nested fields come with
// underscores; and of OpenTelemetry.
func newNames(fields logs.Fields) *names {
	n := &names{spellings: map[string][]string{
		logs.LabelNamespace: {
			"namespace",
			"kubernetes_pod_namespace",
			"kubernetes_namespace_name",
			"kubernetes_namespace",
			"namespace_name",
			"pod_namespace",
			"k8s_namespace_name",
		},
		logs.LabelPod:       {"pod", "pod_name", "kubernetes_pod_name", "kubernetes_pod", "k8s_pod_name"},
		logs.LabelContainer: {"container", "container_name", "kubernetes_container_name", "kubernetes_container", "k8s_container_name"},
		logs.LabelNode: {"node", "node_name", "kubernetes_pod_node_name", "pod_node_name", "kubernetes_node_name", "kubernetes_host",
			"k8s_node_name"},
		logs.LabelLevel: {"level", "detected_level"},
	}}
	n.disputing = fields.Disputing(n.spellings[logs.LabelNamespace])
	for label, field := range map[string]string{
		logs.LabelNamespace: fields.Namespace, logs.LabelPod: fields.Pod, logs.LabelContainer: fields.Container,
		logs.LabelNode: fields.Node, logs.LabelLevel: fields.Level,
	} {
		if field != "" {
			n.spellings[label] = []string{safeName(field)}
		}
	}
	return n
}

// safeName makes a name of a label that Loki takes, as Loki itself does: what may not stand in one becomes an underscore.
func safeName(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, name)
	if safe == "" || safe[0] >= '0' && safe[0] <= '9' {
		safe = "_" + safe
	}
	return safe
}

// of a label of the contract, or of another one.
func (n *names) of(label string) []string {
	if list, ok := n.spellings[label]; ok {
		return list
	}
	return []string{safeName(label)}
}

// streamNames are the labels that streams of a query's time have. The answer is kept for a while: queries come in pages.
func (n *names) streamNames(ctx context.Context, query logs.Query) (map[string]bool, error) {
	start := query.Start.Truncate(time.Hour)
	end := query.End.Truncate(time.Hour).Add(time.Hour)
	n.mu.Lock()
	defer n.mu.Unlock()
	age := time.Since(n.asked)
	if n.known != nil && n.start.Equal(start) && n.end.Equal(end) && (age < namesKeptLacking || age < namesKept && n.haveAll(query)) {
		return n.known, nil
	}
	list, err := n.ask(ctx, start, end)
	if err != nil {
		return nil, err
	}
	n.known = make(map[string]bool, len(list))
	n.start = start
	n.end = end
	n.asked = time.Now()
	for _, name := range list {
		n.known[name] = true
	}
	return n.known, nil
}

func (n *names) haveAll(query logs.Query) bool {
	has := func(label string) bool {
		return slices.ContainsFunc(n.of(label), func(name string) bool { return n.known[name] })
	}
	for label := range query.Labels {
		if !has(label) {
			return false
		}
	}
	for label := range query.AnyOf {
		if !has(label) {
			return false
		}
	}
	return len(n.known) > 0
}

// contract makes the labels of the contract from those of a stream. Others stay as they are.
func (n *names) contract(stream map[string]string) map[string]string {
	labels := maps.Clone(stream)
	if labels == nil {
		labels = map[string]string{}
	}
	for label, spellings := range n.spellings {
		for _, name := range spellings {
			value, there := stream[name]
			if !there {
				continue
			}
			delete(labels, name)
			if label == logs.LabelLevel {
				// What Loki could not tell, it calls unknown.
				if value = strings.ToLower(value); value == "unknown" {
					break
				}
			}
			labels[label] = value
			break
		}
	}
	for _, name := range n.disputing {
		if value := stream[name]; value != "" && value != labels[logs.LabelNamespace] {
			delete(labels, logs.LabelNamespace)
		}
	}
	if _, told := labels[logs.LabelLevel]; told {
		delete(labels, "detected_level")
	}
	return labels
}

// labelNames of the streams of a time.
func (p *Provider) labelNames(ctx context.Context, start, end time.Time) ([]string, error) {
	return p.list(ctx, "label_names", "/loki/api/v1/labels", url.Values{
		"start": {strconv.FormatInt(nanos(start), 10)}, "end": {strconv.FormatInt(nanos(end), 10)},
	})
}

// list of texts. Loki leaves data out where there is nothing.
func (p *Provider) list(ctx context.Context, operation, path string, parameters url.Values) ([]string, error) {
	var answer struct {
		Status string   `json:"status"`
		Data   []string `json:"data"`
	}
	if err := p.call(ctx, atMost(provider.ListBytes, get(operation, path, parameters)), &answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, p.client.Invalid(nil)
	}
	return answer.Data, nil
}
