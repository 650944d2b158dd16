package promapi

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// MaxBroken is how many targets that are down are listed.
const MaxBroken = 20

// maxError is how much of an error that a server tells is kept, in bytes.
const maxError = 512

// Rules that the server evaluates, see metrics.RuleReader.
func (a *API) Rules(ctx context.Context) ([]metrics.Rule, error) {
	var rules []metrics.Rule
	err := a.get(ctx, call{operation: "rules", path: "/api/v1/rules", params: url.Values{}}, func(decoder *json.Decoder) error {
		return eachFieldNamed(decoder, "groups", func() error {
			var group struct {
				Name  string
				Rules []struct{ Type, Name, Query, Health, LastError string }
			}
			if err := decoder.Decode(&group); err != nil {
				return err
			}
			for _, r := range group.Rules {
				if err := a.room(len(rules)); err != nil {
					return err
				}
				rules = append(rules, metrics.Rule{
					Group: group.Name, Name: r.Name, Expression: r.Query, Kind: r.Type, Health: cmp.Or(r.Health, "unknown"),
					Error: cut(r.LastError),
				})
			}
			return nil
		})
	})
	if !answered(err) {
		return nil, err
	}
	return rules, err
}

// Alerts of the server's own rules, see metrics.AlertReader.
func (a *API) Alerts(ctx context.Context) ([]metrics.Alert, error) {
	var alerts []metrics.Alert
	err := a.get(ctx, call{operation: "alerts", path: "/api/v1/alerts", params: url.Values{}}, func(decoder *json.Decoder) error {
		return eachFieldNamed(decoder, "alerts", func() error {
			var alert struct {
				Labels      metrics.Labels
				Annotations map[string]string
				State       string
				ActiveAt    string
			}
			if err := decoder.Decode(&alert); err != nil {
				return err
			}
			if err := a.room(len(alerts)); err != nil {
				return err
			}
			alerts = append(alerts, metrics.Alert{
				Name: alert.Labels["alertname"], Labels: alert.Labels, Annotations: alert.Annotations,
				Since: timestamp(alert.ActiveAt), State: alert.State,
			})
			return nil
		})
	})
	if !answered(err) {
		return nil, err
	}
	return alerts, err
}

// timestamp reads a time; one that cannot be read is the zero time.
func timestamp(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// Targets that the server scrapes, see metrics.TargetReader. A target that was not scraped yet is neither up nor down.
func (a *API) Targets(ctx context.Context) (metrics.Targets, error) {
	var targets metrics.Targets
	c := call{operation: "targets", path: "/api/v1/targets", params: url.Values{"state": {"active"}}}
	err := a.get(ctx, c, func(decoder *json.Decoder) error {
		return eachFieldNamed(decoder, "activeTargets", func() error {
			var target struct {
				Labels            metrics.Labels
				Health, LastError string
			}
			if err := decoder.Decode(&target); err != nil {
				return err
			}
			switch target.Health {
			case "up":
				targets.Up++
			case "down":
				targets.Down++
				targets.Broken = broken(targets.Broken, metrics.BrokenTarget{
					Job: target.Labels["job"], Instance: target.Labels["instance"], Error: cut(target.LastError), Labels: target.Labels,
				})
			}
			return nil
		})
	})
	if !answered(err) {
		return metrics.Targets{}, err
	}
	return targets, err
}

// broken adds a target to the first ones by job and instance, so that the same ones are reported each time.
func broken(list []metrics.BrokenTarget, target metrics.BrokenTarget) []metrics.BrokenTarget {
	at, _ := slices.BinarySearchFunc(list, target, func(a, b metrics.BrokenTarget) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instance, b.Instance))
	})
	if at >= MaxBroken {
		return list
	}
	list = slices.Insert(list, at, target)
	return list[:min(len(list), MaxBroken)]
}

// cut off a text that a server tells.
func cut(text string) string {
	if len(text) > maxError {
		text = text[:maxError]
	}
	return strings.ToValidUTF8(text, "")
}

// eachFieldNamed calls a function for each element of one field of an object, and skips the other fields.
func eachFieldNamed(decoder *json.Decoder, field string, each func() error) error {
	found := false
	err := eachField(decoder, func(name string) error {
		if name != field {
			return skip(decoder)
		}
		found = true
		return eachElement(decoder, each)
	})
	if err == nil && !found {
		err = errShape
	}
	return err
}
