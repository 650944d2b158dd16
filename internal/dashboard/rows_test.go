package dashboard

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"kubeops.io/kubeops/internal/dashboard/explore"
)

func TestRowsOfAnotherAPIServerAreNotShared(t *testing.T) {
	s := &Server{
		catalog: &catalog{clock: clock.RealClock{}, found: map[string]resource{}, read: time.Now()},
		access:  &access{clock: clock.RealClock{}, answers: lru.New(100)}, impersonation: plain,
	}
	ada, sam := Viewer{User: "ada"}, Viewer{User: "sam"}
	for id, shared := range map[string]bool{
		"pods": true, "deployments.apps": true, "inspections.kubeops.io": true, "projects.project.openshift.io": false, "databases.example.com": false,
	} {
		parsed := schema.ParseGroupResource(id)
		s.catalog.found[id] = resource{parsed.WithVersion("v1"), "", true}
		var found [2][]explore.Scope
		for i, viewer := range []Viewer{ada, sam} {
			for _, verb := range []string{"list", "watch"} {
				s.access.answers.Add(answerKey{viewer.key(), permission{verb, parsed.Group, parsed.Resource, ""}}, answer{true, time.Now().Add(time.Hour)})
			}
			var err error
			if found[i], err = s.tablesOf(t.Context(), viewer, id, ""); err != nil || len(found[i]) != 1 {
				t.Fatalf("%s: %v %v", id, found[i], err)
			}
		}
		if (found[0][0] == found[1][0]) != shared {
			t.Errorf("%s: the lists of two viewers are %v", id, found)
		}
	}
}
