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
		Transitions []transition
	}
}

// transition to another state.
type transition struct {
	State      string `json:"state_name"`
	Conditions struct {
		Age         string `json:"min_index_age"`
		RolloverAge string `json:"min_rollover_age"`
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

// maxPolicySize is how many states and transitions a policy may have together.
const maxPolicySize = 10_000

// keeps is the age at which an index comes to a state that deletes it: the greatest age on the way there, the least of all ways;
// zero when no way leads to one. Known is false where an age on a way is not to be understood, and for a policy over maxPolicySize.
func (p *policy) keeps() (keeps time.Duration, known bool) {
	states := map[string]int{}
	size := len(p.States)
	for i := range p.States {
		size += len(p.States[i].Transitions)
		if _, again := states[p.States[i].Name]; !again {
			states[p.States[i].Name] = i
		}
	}
	if size > maxPolicySize {
		return 0, false
	}
	reached := map[string]time.Duration{p.Default: 0}
	least := time.Duration(-1)
	steps := []string{p.Default}
	for range maxPolicySize { // more than a policy of any sense has
		if len(steps) == 0 {
			break
		}
		at := reached[steps[0]]
		i, there := states[steps[0]]
		steps = steps[1:]
		switch {
		case !there:
			continue
		case p.deletes(i):
			if least < 0 || at < least {
				least = at
			}
			continue
		}
		for _, transition := range p.States[i].Transitions {
			age, understood := transition.age(at)
			if !understood {
				return 0, false
			}
			if before, seen := reached[transition.State]; !seen || age < before {
				reached[transition.State] = age
				steps = append(steps, transition.State)
			}
		}
	}
	if least == 0 {
		return 0, false // deleted by size or count, not by age
	}
	return max(least, 0), true
}

// deletes reports whether a state does.
func (p *policy) deletes(state int) bool {
	return slices.ContainsFunc(p.States[state].Actions, func(action map[string]ignored) bool {
		_, deletes := action["delete"]
		return deletes
	})
}

// age at which a transition is made, at an age of the index.
func (t *transition) age(at time.Duration) (time.Duration, bool) {
	for _, text := range []string{t.Conditions.Age, t.Conditions.RolloverAge} {
		age, is := timeValue(text)
		if text != "" && !is {
			return 0, false
		}
		at = max(at, age)
	}
	return at, true
}
