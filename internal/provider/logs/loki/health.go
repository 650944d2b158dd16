package loki

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// maxWarnings that a status takes.
const maxWarnings = 16

// Health asks for the version, which also shows that it is Loki; whether it is ready, and the members of its ring, where a
// gateway lets these two through; and for its labels, to see whether anything is stored.
func (p *Provider) Health(ctx context.Context) (logs.Health, error) {
	health := logs.Health{Flavor: Type, State: "ready"}
	version, err := p.version(ctx)
	if err != nil {
		return logs.Health{}, err
	}
	health.Version = version
	if health.Failed, err = p.failed(ctx); err != nil {
		return logs.Health{}, err
	}
	if health.Failed != "" {
		health.State = "not ready"
		return health, nil
	}
	health.Warnings = p.ring(ctx)
	now := time.Now()
	known, err := p.names.streamNames(ctx, logs.Query{Start: now.Add(-24 * time.Hour), End: now})
	if err != nil {
		return logs.Health{}, err
	}
	if len(known) > 0 {
		health.Schema = string(v1alpha1.FieldSchemaFlat)
	}
	return health, nil
}

// version from the build info. A gateway that keeps it back is no failure: what follows is proof enough.
func (p *Provider) version(ctx context.Context) (string, error) {
	var build struct {
		Version   string `json:"version"`
		GoVersion string `json:"goVersion"`
	}
	request := provider.Request{Operation: "buildinfo", Path: "/loki/api/v1/status/buildinfo", MaxBytes: provider.ProbeBytes}
	err := p.call(ctx, request, &build)
	if told := problem.As(err); told != nil && told.Reason == v1alpha1.ReasonNotFound {
		now := time.Now()
		_, err := p.labelNames(ctx, now.Add(-time.Hour), now)
		return "", err
	}
	if err != nil {
		return "", err
	}
	if build.GoVersion == "" && build.Version == "" {
		return "", p.client.Invalid(nil)
	}
	return build.Version, nil
}

// failed says why Loki is not ready, or "". It tells so with 503 and a plain text; a gateway's own 503 is a page of HTML.
func (p *Provider) failed(ctx context.Context) (string, error) {
	answer, err := p.client.Do(ctx, provider.Request{Operation: "ready", Path: "/ready"})
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return "", p.client.ToProblem(err)
	}
	switch {
	case answer.Status == http.StatusServiceUnavailable && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain"):
		return notReady(p.client.Host(), string(text)), nil
	case answer.Status >= 500:
		return "", p.client.RefusedStatus(answer.Status)
	}
	return "", nil
}

// notReady describes why Loki is not ready without its own text, which contains changing counts and addresses.
func notReady(host, text string) string {
	cause := "see its path /ready"
	for _, known := range []struct{ prefix, cause string }{
		{"Application is stopping", "it is being stopped"},
		{"Some services are not Running", "some of its services do not run; see its path /services and its log"},
		{"Ingester not ready", "its ingester is not ready; that takes a short while after a start, else see its path /ring"},
		{"Pattern Ingester not ready", "its pattern ingester is not ready; see its log"},
		{"Query Frontend not ready", "no querier is connected to its query frontend"},
	} {
		if strings.HasPrefix(text, known.prefix) {
			cause = known.cause
			break
		}
	}
	return fmt.Sprintf("%s says that it is not ready: %s", host, cause)
}

// ring lists members that are not active. A ring that is not served, or not in JSON, tells nothing.
func (p *Provider) ring(ctx context.Context) []string {
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: "ring", Path: "/ring", Header: http.Header{"Accept": {"application/json"}}, MaxBytes: provider.ListBytes,
	})
	if err != nil {
		return nil
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status != http.StatusOK {
		return nil
	}
	warnings, err := readRing(answer.Decoder())
	if err != nil {
		return nil
	}
	return warnings
}

// readRing reads the members of a ring and words those that are not active, of which it keeps those that sort first.
func readRing(d *stream.Decoder) ([]string, error) {
	var warnings []string
	more := false
	err := d.Object(func(name []byte) error {
		if string(name) != "shards" {
			return nil
		}
		return d.Array(func() error {
			var member struct {
				ID    string `json:"id" max:"128"`
				State string `json:"state" max:"32"`
			}
			before := d.Kept()
			if err := d.Decode(&member); err != nil {
				return err
			}
			d.Drop(before)
			if member.State == "ACTIVE" {
				return nil
			}
			warning := fmt.Sprintf("ring member %.100q is in state %.20q", member.ID, member.State)
			if at, known := slices.BinarySearch(warnings, warning); !known {
				warnings = slices.Insert(warnings, at, warning)
			}
			if len(warnings) > maxWarnings {
				more = true
				warnings = warnings[:maxWarnings]
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if more {
		warnings = append(warnings[:maxWarnings-1], "more members of the ring are not active; see its path /ring")
	}
	return warnings, nil
}
