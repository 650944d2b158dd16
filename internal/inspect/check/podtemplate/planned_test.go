package podtemplate

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
)

func TestSelectorsMatchLabelsThatControllersAdd(t *testing.T) {
	set := facts.Ref{Kind: facts.StatefulSet, Namespace: "shop", Name: "db"}
	job := facts.Ref{Kind: facts.Job, Namespace: "shop", Name: "import"}
	deployment := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "web"}
	app := map[string]string{"app": "db"}
	for name, tc := range map[string]struct {
		owner    facts.Ref
		labels   map[string]string
		selector map[string]string
		want     bool
	}{
		"labels of the template":       {set, app, map[string]string{"app": "db"}, true},
		"one Pod of a StatefulSet":     {set, app, map[string]string{"app": "db", "statefulset.kubernetes.io/pod-name": "db-3"}, true},
		"a Pod of another StatefulSet": {set, app, map[string]string{"statefulset.kubernetes.io/pod-name": "cache-0"}, false},
		"a name that is no ordinal":    {set, app, map[string]string{"statefulset.kubernetes.io/pod-name": "db-first"}, false},
		"an index":                     {set, app, map[string]string{"apps.kubernetes.io/pod-index": "1"}, true},
		"an index of a Deployment":     {deployment, app, map[string]string{"apps.kubernetes.io/pod-index": "1"}, false},
		"another label as well":        {set, app, map[string]string{"apps.kubernetes.io/pod-index": "1", "role": "primary"}, false},
		"the Pods of a Job":            {job, nil, map[string]string{"batch.kubernetes.io/job-name": "import"}, true},
		"by the older label":           {job, nil, map[string]string{"job-name": "import"}, true},
		"the Pods of another Job":      {job, nil, map[string]string{"job-name": "export"}, false},
		"a revision of a Deployment":   {deployment, app, map[string]string{"app": "db", "pod-template-hash": "7c9d"}, true},
		"a label of the template that differs": {
			deployment, map[string]string{"pod-template-hash": "1"}, map[string]string{"pod-template-hash": "2"}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Selects(facts.SelectorFromSet(tc.selector), tc.owner, tc.labels); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
