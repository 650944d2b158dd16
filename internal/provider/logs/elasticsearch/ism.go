package elasticsearch

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// policy of OpenSearch's Index State Management.
type policy struct {
	Default string `json:"default_state"`
	States  []struct {
		Name        string
		Actions     []map[string]any
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
		var explained map[string]any
		if failed = p.client.JSON(ctx, provider.Request{Operation: "retention", Path: root + "/explain/" + index},
			&explained); failed != nil {
			if untold(failed) {
				continue
			}
			return logs.Retention{}, false, failed
		}
		names := map[string]bool{}
		for _, each := range explained {
			managed, _ := each.(map[string]any)
			for key, value := range managed {
				if name, is := value.(string); is && (key == "policy_id" || strings.HasSuffix(key, "index_state_management.policy_id")) &&
					policyName(name) {
					names[name] = true
				}
			}
		}
		return shortest(slices.Sorted(maps.Keys(names)), "ISM policy", func(name string) (time.Duration, bool, error) {
			var answer struct{ Policy *policy }
			if err := p.client.JSON(ctx, provider.Request{Operation: "retention", Path: root + "/policies/" + name}, &answer); err != nil {
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
			if slices.ContainsFunc(state.Actions, func(action map[string]any) bool { _, deletes := action["delete"]; return deletes }) {
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
