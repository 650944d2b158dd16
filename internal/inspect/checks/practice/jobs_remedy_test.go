package practice

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func TestAJobThatIsAppliedAgainIsNotToldToDeleteItself(t *testing.T) {
	job := &facts.JobNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Job, Namespace: "shop", Name: "migrate"}}, TTL: -1}
	found := jobsWithoutTTL(&facts.Graph{Jobs: []*facts.JobNode{job}}, check.Params{})
	if len(found) != 1 || !strings.Contains(string(found[0].Remediation), "Do not where Flux") {
		t.Errorf("got %+v", found)
	}
}
