package facts_test

import (
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAWriteOfTheSpecIsTheNewestChange(t *testing.T) {
	entry := func(at, subresource, fields string) string {
		return `{manager: m, operation: Update, apiVersion: apps/v1, time: "2026-01-15T` + at + `Z", fieldsType: FieldsV1, subresource: "` +
			subresource + `", fieldsV1: {` + fields + `}}`
	}
	for name, tc := range map[string]struct {
		kind    facts.Kind
		entries []string
		want    string
	}{
		"none":                       {facts.StatefulSet, nil, ""},
		"the spec":                   {facts.StatefulSet, []string{entry("11:00:00", "", `"f:spec": {}`)}, "11:00:00"},
		"the newest":                 {facts.StatefulSet, []string{entry("11:00:00", "", `"f:spec": {}`), entry("10:00:00", "", `"f:spec": {}`)}, "11:00:00"},
		"the scale":                  {facts.StatefulSet, []string{entry("11:00:00", "scale", `"f:spec": {"f:replicas": {}}`)}, "11:00:00"},
		"the status":                 {facts.StatefulSet, []string{entry("11:00:00", "status", `"f:status": {}`)}, ""},
		"labels":                     {facts.StatefulSet, []string{entry("11:00:00", "", `"f:metadata": {"f:labels": {}}`)}, ""},
		"a status without its own":   {facts.StatefulSet, []string{entry("11:00:00", "", `"f:spec": {}, "f:status": {}`)}, ""},
		"a Pod, which others change": {facts.Pod, []string{entry("11:00:00", "", `"f:spec": {}`)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			version, spec := "apps/v1", "spec: {template: {spec: {containers: []}}}"
			if tc.kind == facts.Pod {
				version, spec = "v1", "spec: {containers: []}"
			}
			g := testkit.Graph(t, checktest.Document(version, string(tc.kind), "name: web, namespace: shop, managedFields: ["+
				strings.Join(tc.entries, ", ")+"]", spec))
			meta := g.MetaOf(facts.Ref{Kind: tc.kind, Namespace: "shop", Name: "web"})
			got := ""
			if !meta.SpecChanged.IsZero() {
				got = meta.SpecChanged.UTC().Format(time.TimeOnly)
			}
			if got != tc.want {
				t.Errorf("changed at %q, want %q", got, tc.want)
			}
		})
	}
}

func TestEventsOfAnEarlierSpecOrObjectAreHistory(t *testing.T) {
	const created = "2026-01-15T11:00:00Z"
	for name, tc := range map[string]struct {
		changed, uid, at string
		history          bool
	}{
		"after the change":                                 {"2026-01-15T11:30:00Z", "u1", "2026-01-15T11:31:00Z", false},
		"in the second of the change":                      {"2026-01-15T11:30:00Z", "u1", "2026-01-15T11:30:00Z", false},
		"before the change":                                {"2026-01-15T11:30:00Z", "u1", "2026-01-15T11:29:00Z", true},
		"of an earlier object":                             {created, "u0", "2026-01-15T11:31:00Z", true},
		"of a new object, by a clock that is behind":       {created, "u1", "2026-01-15T10:59:00Z", false},
		"before the object, of an object without identity": {created, "", "2026-01-15T10:59:00Z", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, checktest.Document("apps/v1", "StatefulSet", `name: web, namespace: shop, uid: u1, creationTimestamp: "`+
				created+`", managedFields: [{manager: m, operation: Update, apiVersion: apps/v1, time: "`+tc.changed+
				`", fieldsType: FieldsV1, fieldsV1: {"f:spec": {}}}]`, "spec: {template: {spec: {containers: []}}}")+
				checktest.Document("v1", "Event", "name: web.1, namespace: shop", "involvedObject: {kind: StatefulSet, namespace: shop, name: "+
					"web, uid: '"+tc.uid+"'}\ntype: Warning\nreason: FailedCreate\nmessage: m\nlastTimestamp: \""+tc.at+`"`))
			if got := g.IsHistory(g.Events[0]); got != tc.history {
				t.Errorf("history: %t, want %t", got, tc.history)
			}
			if got := len(g.EventsOf(g.Events[0].About)) == 0; got != tc.history {
				t.Errorf("left out: %t, want %t", got, tc.history)
			}
		})
	}
}
