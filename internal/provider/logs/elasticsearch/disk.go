package elasticsearch

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/provider"
)

// watermark of disks: a node is over it when less is free.
type watermark struct {
	name, meaning string
	// part of the disk that may be used, or bytes that must be free; zero is unset.
	part  float64
	bytes float64
	// headroom is the most that must be free by the part, in bytes; zero is unset.
	headroom float64
}

// over reports that a disk is over the watermark.
func (w watermark) over(total, available float64) bool {
	need := w.bytes
	if w.part > 0 {
		need = total * (1 - w.part)
		if w.headroom > 0 {
			need = math.Min(need, w.headroom)
		}
	}
	return total > 0 && need > 0 && available < need
}

// stages in their order, the worst first, with the defaults of every version.
func stages() []watermark {
	return []watermark{
		{name: "flood_stage", meaning: "its indices become read only", part: 0.95},
		{name: "high", meaning: "shards are moved away from it", part: 0.90},
		{name: "low", meaning: "no more shards are put on it", part: 0.85},
	}
}

// disks warns of nodes that are over a watermark.
func (p *Provider) disks(ctx context.Context) ([]string, error) {
	type disk struct {
		Total     *float64 `json:"total_in_bytes"`
		Available *float64 `json:"available_in_bytes"`
	}
	var nodes struct {
		Nodes map[string]struct {
			Name  string
			Roles []string
			FS    struct {
				Total disk
				Data  []disk
			}
		}
	}
	err := p.client.JSON(ctx, provider.Request{
		Operation: "disks", Path: "/_nodes/stats/fs", MaxBytes: provider.ListBytes, Query: url.Values{
			"filter_path": {"nodes.*.name,nodes.*.roles,nodes.*.fs.total,nodes.*.fs.data.total_in_bytes," +
				"nodes.*.fs.data.available_in_bytes"},
		},
	}, &nodes)
	if err != nil {
		return nil, err
	}
	marks, on, err := p.watermarks(ctx)
	if err != nil || !on {
		return nil, err
	}
	over := make([][]string, len(marks))
	for _, node := range nodes.Nodes {
		if !holdsData(node.Roles) {
			continue
		}
		worst := len(marks)
		for _, d := range append(node.FS.Data, node.FS.Total) { // a node is as full as its fullest path
			if d.Total == nil || d.Available == nil {
				continue
			}
			for i, mark := range marks {
				if i < worst && mark.over(*d.Total, *d.Available) {
					worst = i
				}
			}
		}
		if worst < len(marks) {
			over[worst] = append(over[worst], node.Name)
		}
	}
	var warnings []string
	for i, mark := range marks {
		if len(over[i]) > 0 {
			slices.Sort(over[i])
			warnings = append(warnings, fmt.Sprintf("the disk of %s is over the watermark %s: %s; free or add space", list(over[i]),
				mark.name, mark.meaning))
		}
	}
	return warnings, nil
}

// holdsData by its roles; a server that tells none has nodes that do everything.
func holdsData(roles []string) bool {
	return len(roles) == 0 || slices.ContainsFunc(roles, func(role string) bool { return strings.HasPrefix(role, "data") })
}

// watermarks as they are set; on is false where the server does not look at disks.
func (p *Provider) watermarks(ctx context.Context) (marks []watermark, on bool, err error) {
	type layer struct {
		Cluster struct {
			Routing struct {
				Allocation struct {
					Disk struct {
						Enabled   setting `json:"threshold_enabled"`
						Watermark nestedSettings
					}
				}
			}
		}
	}
	var answer struct{ Defaults, Persistent, Transient layer }
	err = p.client.JSON(ctx, provider.Request{
		Operation: "settings", Path: "/_cluster/settings", MaxBytes: provider.ProbeBytes,
		Query: url.Values{"include_defaults": {"true"}, "filter_path": {"*.cluster.routing.allocation.disk"}},
	}, &answer)
	if err != nil {
		return nil, false, err
	}
	on = true
	marks = stages()
	set := map[string]string{}
	for _, each := range []layer{answer.Defaults, answer.Persistent, answer.Transient} { // the later wins
		disk := each.Cluster.Routing.Allocation.Disk
		if disk.Enabled != "" {
			on = disk.Enabled != "false"
		}
		maps.Copy(set, disk.Watermark)
	}
	for i := range marks {
		marks[i].read(set)
	}
	return marks, on, nil
}

// read what is set; what cannot be understood leaves the default.
func (w *watermark) read(set map[string]string) {
	value := set[w.name]
	if percent, is := strings.CutSuffix(value, "%"); is {
		if n, err := strconv.ParseFloat(percent, 64); err == nil && n > 0 && n <= 100 {
			w.part = n / 100
		}
	} else if n, err := strconv.ParseFloat(value, 64); err == nil && n > 0 && n <= 1 {
		w.part = n
	} else if n, is := byteSize(value); is && n > 0 {
		w.part = 0
		w.bytes = n
	}
	if n, is := byteSize(set[w.name+".max_headroom"]); is && n > 0 {
		w.headroom = n
	}
}

// byteSize of a text such as 500mb or 1.5gb.
func byteSize(text string) (float64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, unit := range []struct {
		suffix string
		bytes  float64
	}{{"pb", 1 << 50}, {"tb", 1 << 40}, {"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}, {"p", 1 << 50}, {"t", 1 << 40}, {"g",
		1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"b", 1}} {
		if number, is := strings.CutSuffix(text, unit.suffix); is {
			n, err := strconv.ParseFloat(number, 64)
			return n * unit.bytes, err == nil && n >= 0 && !math.IsInf(n, 0)
		}
	}
	return 0, false
}
