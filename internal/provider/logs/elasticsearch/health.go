package elasticsearch

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// States of a cluster.
const (
	stateGreen  = "green"
	stateYellow = "yellow"
	stateRed    = "red"
	// stateReady is that of a server that answers, but does not allow reading its state.
	stateReady = "ready"
)

// maxNamed indices or nodes in one text.
const maxNamed = 5

// Health asks for the version, the cluster's state, disks over a watermark, blocks of the write index, and the schema of what
// is stored. What the credentials cannot read is a warning; when they cannot even see the fields of the index, it is an
// error.
func (p *Provider) Health(ctx context.Context) (logs.Health, error) {
	about, err := p.about(ctx, true)
	if err != nil {
		return logs.Health{}, err
	}
	health := logs.Health{Version: about.version, Flavor: about.flavor, State: stateReady}
	if about.flavor == "" {
		health.Flavor = flavorUnknown
	}
	m, err := p.read(ctx, nil)
	if err != nil {
		return logs.Health{}, err
	}
	health.Schema = m.schema
	if about.before(6, 8) {
		health.Warnings = append(health.Warnings, "the version is older than 6.8, the oldest supported version of Elasticsearch")
	}
	err = p.cluster(ctx, &health)
	switch {
	case reason(err) == v1alpha1.ReasonForbidden:
		health.Warnings = append(health.Warnings,
			"the credentials cannot read the state and disks of the cluster; grant them the cluster privilege monitor")
		return health, nil
	case err != nil:
		return logs.Health{}, err
	}
	for _, ask := range []func(context.Context) ([]string, error){p.disks, p.blocks} {
		warnings, err := ask(ctx)
		switch {
		case err == nil:
			health.Warnings = append(health.Warnings, warnings...)
		case !untold(err) && reason(err) != v1alpha1.ReasonForbidden:
			return logs.Health{}, err
		}
	}
	return health, nil
}

// cluster reads the state and counts of shards.
func (p *Provider) cluster(ctx context.Context, health *logs.Health) error {
	var answer struct {
		Status     string
		Active     *int `json:"active_shards"`
		Unassigned *int `json:"unassigned_shards"`
	}
	request := provider.Request{Operation: "health", Path: "/_cluster/health", MaxBytes: provider.ProbeBytes}
	if err := p.client.JSON(ctx, request, &answer); err != nil {
		return err
	}
	health.State, health.ActiveShards, health.UnassignedShards = answer.Status, answer.Active, answer.Unassigned
	switch answer.Status {
	case stateGreen:
		return nil
	case stateYellow, stateRed:
	default:
		return p.client.Invalid(nil)
	}
	indices, err := p.notGreen(ctx, answer.Status)
	if err != nil {
		return err
	}
	if answer.Status == stateRed {
		health.Failed = fmt.Sprintf(
			"the cluster is red: primary shards%s are unassigned, so lines are missing and cannot be written; see GET "+
				"_cluster/allocation/explain",
			ofIndices(indices),
		)
		return nil
	}
	health.Warnings = append(
		health.Warnings,
		fmt.Sprintf(
			"the cluster is yellow: replica shards%s are unassigned, so losing a node loses data; see GET _cluster/allocation/explain",
			ofIndices(indices),
		),
	)
	return nil
}

// notGreen are the indices of a state that the settings select, sorted. Names of others may be those of other tenants.
func (p *Provider) notGreen(ctx context.Context, state string) ([]string, error) {
	var answer struct {
		Indices map[string]struct{ Status string }
	}
	err := p.client.JSON(ctx, provider.Request{
		Operation: "health", Path: "/_cluster/health", MaxBytes: provider.ListBytes,
		Query: url.Values{"level": {"indices"}, "filter_path": {"indices.*.status"}},
	}, &answer)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(answer.Indices, func(name string, index struct{ Status string }) bool {
		return index.Status != state || !p.selects(name)
	})
	return slices.Sorted(maps.Keys(answer.Indices)), nil
}

// selects reports whether the settings name an index, or match it by a pattern. Indices behind a data stream have the name of the stream.
func (p *Provider) selects(index string) bool {
	name := strings.TrimPrefix(index, ".ds-")
	return slices.ContainsFunc(append(strings.Split(p.index, ","), p.writeIndex), func(pattern string) bool {
		matched, err := path.Match(pattern, name)
		return err == nil && matched || name != index && strings.HasPrefix(name, pattern+"-") && pattern != ""
	})
}

func ofIndices(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " of " + list(names)
}

// list of names from a server, a few of them.
func list(names []string) string {
	shown := make([]string, 0, maxNamed)
	for _, name := range names[:min(len(names), maxNamed)] {
		shown = append(shown, nameForMessage(name))
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// nameForMessage makes a name from a server fit for a message.
func nameForMessage(name string) string {
	return firstBytes(printable.Line(name), 100)
}

// blocks warns of a write index that takes nothing. Older indices behind a data stream or an alias may be blocked on purpose.
func (p *Provider) blocks(ctx context.Context) ([]string, error) {
	var answer map[string]struct{ Settings map[string]setting }
	err := p.client.JSON(ctx, provider.Request{Operation: "settings", Path: "/" + p.writeIndex + "/_settings/index.blocks.*",
		MaxBytes: provider.ListBytes, Query: url.Values{
			"flat_settings": {"true"}, "ignore_unavailable": {"true"}, "allow_no_indices": {"true"},
		}}, &answer)
	if err != nil {
		return nil, err
	}
	var full, blocked int
	for _, index := range answer {
		on := func(name string) bool { return index.Settings["index.blocks."+name] == "true" }
		if on("read_only_allow_delete") {
			full++
		}
		if on("read_only_allow_delete") || on("read_only") || on("write") {
			blocked++
		}
	}
	switch {
	case full > 0:
		return []string{fmt.Sprintf(
			"index %s is read-only (index.blocks.read_only_allow_delete) because a disk passed its flood stage; free space, then set "+
				"it to null",
			p.writeIndex,
		)}, nil
	case blocked > 0 && blocked == len(answer):
		return []string{
			fmt.Sprintf("index %s does not accept writes: index.blocks.read_only or index.blocks.write is set", p.writeIndex),
		}, nil
	}
	return nil, nil
}
