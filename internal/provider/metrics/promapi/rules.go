package promapi

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
)

// MaxBroken is how many targets that are down are listed.
const MaxBroken = 20

// maxText is how much of a name is kept, in bytes.
const maxText = 4 << 10

// maxError is how much of an error that a server tells is kept, in bytes.
const maxError = 512

// Rules that the server evaluates, see metrics.RuleReader.
func (a *API) Rules(ctx context.Context) ([]metrics.Rule, error) {
	var rules []metrics.Rule
	err := a.get(ctx, call{operation: "rules", path: "/api/v1/rules", params: url.Values{}}, func(d *stream.Decoder) error {
		return eachOf(d, "groups", func() error {
			group, err := a.group(d, len(rules))
			rules = append(rules, group...)
			return err
		})
	})
	if !answered(err) {
		return nil, err
	}
	return rules, err
}

// group reads the rules of a group, after some that were read. The name of the group may come before or after its rules.
func (a *API) group(d *stream.Decoder, have int) ([]metrics.Rule, error) {
	var rules []metrics.Rule
	var group string
	err := d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			group, err = d.Text(maxText)
		case "rules":
			err = d.Array(func() error {
				if err := a.room(have + len(rules)); err != nil {
					return err
				}
				var r struct {
					Type, Health string `max:"64"`
					Name         string `max:"4096"`
					Query        string `max:"65536"`
					LastError    string `max:"512"`
				}
				if err := d.Decode(&r); err != nil {
					return err
				}
				rules = append(rules, metrics.Rule{
					Name: r.Name, Expression: r.Query, Kind: r.Type, Health: cmp.Or(r.Health, "unknown"), Error: cut(r.LastError),
				})
				return d.Keep(2 * seriesBytes)
			})
		}
		return err
	})
	for i := range rules {
		rules[i].Group = group
	}
	return rules, err
}

// Alerts of the server's own rules, see metrics.AlertReader.
func (a *API) Alerts(ctx context.Context) ([]metrics.Alert, error) {
	var alerts []metrics.Alert
	err := a.get(ctx, call{operation: "alerts", path: "/api/v1/alerts", params: url.Values{}}, func(d *stream.Decoder) error {
		return eachOf(d, "alerts", func() error {
			var alert struct {
				Labels      metrics.Labels
				Annotations map[string]string
				State       string `max:"64"`
				ActiveAt    string `max:"64"`
			}
			if err := d.Decode(&alert); err != nil {
				return err
			}
			if err := a.room(len(alerts)); err != nil {
				return err
			}
			alerts = append(alerts, metrics.Alert{
				Name: alert.Labels["alertname"], Labels: alert.Labels, Annotations: alert.Annotations,
				Since: timestamp(alert.ActiveAt), State: alert.State,
			})
			return d.Keep(2 * seriesBytes)
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
	err := a.get(ctx, c, func(d *stream.Decoder) error {
		return eachOf(d, "activeTargets", func() error {
			var target struct {
				Labels    metrics.Labels
				Health    string `max:"64"`
				LastError string `max:"512"`
			}
			before := d.Kept()
			if err := d.Decode(&target); err != nil {
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
			if target.Health != "down" {
				d.Drop(before)
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

// eachOf calls a function for each element of one field of an object, and skips the other fields.
func eachOf(d *stream.Decoder, field string, each func() error) error {
	found := false
	err := d.Object(func(name []byte) error {
		if string(name) != field {
			return nil
		}
		found = true
		return d.Array(each)
	})
	if err == nil && !found {
		err = stream.ErrShape
	}
	return err
}
