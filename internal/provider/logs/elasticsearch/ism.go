package elasticsearch

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// policy of OpenSearch's Index State Management.
type policy struct {
	Default string `json:"default_state"`
	States  []struct {
		Name        string
		Actions     []map[string]ignored
		Transitions []struct {
			State      string `json:"state_name"`
			Conditions struct {
				Age         string `json:"min_index_age"`
				RolloverAge string `json:"min_rollover_age"`
			}
		}
	}
}

// stateManagement reads the ISM policies of indices, through the plugin's path or that of Open Distro.
func (p *Provider) stateManagement(ctx context.Context, index string) (logs.Retention, bool, error) {
	var failed error
	for _, root := range []string{"/_plugins/_ism", "/_opendistro/_ism"} {
		var names managingPolicies
		request := provider.Request{Operation: "retention", Path: root + "/explain/" + index, MaxBytes: provider.ListBytes}
		if failed = p.client.JSON(ctx, request, &names); failed != nil {
			if untold(failed) {
				continue
			}
			return logs.Retention{}, false, failed
		}
		return shortest(slices.Sorted(maps.Keys(names)), "ISM policy", func(name string) (time.Duration, bool, error) {
			var answer struct{ Policy *policy }
			request := provider.Request{Operation: "retention", Path: root + "/policies/" + name, MaxBytes: provider.ProbeBytes}
			if err := p.client.JSON(ctx, request, &answer); err != nil {
				return 0, false, err
			}
			if answer.Policy == nil {
				return 0, false, p.client.Invalid(nil)
			}
			keeps, known := answer.Policy.keeps()
			return keeps, known, nil
		})
	}
	return logs.Retention{}, false, failed
}

// managingPolicies are the policies of indices, by name.
type managingPolicies map[string]bool

// UnmarshalStream reads what explains how indices are managed: an object for each index, and counts beside them.
func (m *managingPolicies) UnmarshalStream(d *stream.Decoder) error {
	*m = managingPolicies{}
	return d.Object(func([]byte) error {
		if kind, err := d.Kind(); err != nil || kind != stream.Object {
			return err
		}
		return d.Object(func(key []byte) error {
			if string(key) != "policy_id" && !bytes.HasSuffix(key, []byte("index_state_management.policy_id")) {
				return nil
			}
			name, err := readSetting(d)
			if err != nil || !policyName(name) || (*m)[name] {
				return err
			}
			(*m)[name] = true
			return d.KeepText(2 * len(name))
		})
	})
}

// keeps is the age at which an index comes to a state that deletes it: the greatest age on the way there, the least of all ways;
// zero when no way leads to one. Known is false where an age on a way is not to be understood.
func (p *policy) keeps() (keeps time.Duration, known bool) {
	type step struct {
		state string
		age   time.Duration
	}
	reached := map[string]time.Duration{}
	least := time.Duration(-1)
	steps := []step{{state: p.Default}}
	for range 10_000 { // more than a policy of any sense has
		if len(steps) == 0 {
			break
		}
		at := steps[0]
		steps = steps[1:]
		if before, seen := reached[at.state]; seen && before <= at.age {
			continue
		}
		reached[at.state] = at.age
		for _, state := range p.States {
			if state.Name != at.state {
				continue
			}
			if slices.ContainsFunc(state.Actions, func(action map[string]ignored) bool { _, deletes := action["delete"]; return deletes }) {
				if least < 0 || at.age < least {
					least = at.age
				}
				break
			}
			for _, transition := range state.Transitions {
				next := step{transition.State, at.age}
				for _, text := range []string{transition.Conditions.Age, transition.Conditions.RolloverAge} {
					age, is := timeValue(text)
					if text != "" && !is {
						return 0, false
					}
					next.age = max(next.age, age)
				}
				steps = append(steps, next)
			}
			break
		}
	}
	if least == 0 {
		return 0, false // deleted by size or count, not by age
	}
	return max(least, 0), true
}
