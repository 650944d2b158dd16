package retry_test

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/check/retry"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func TestARemedySaysWhenTheControllerTriesAgain(t *testing.T) {
	for kind, want := range map[facts.Kind]remedy.Text{
		facts.Deployment: "Then let it try again at once: `kubectl -n shop rollout restart deployment/cart`. Without the restart, its " +
			"pauses grow to 17 minutes.",
		facts.StatefulSet: "Its controller tries again within 17 minutes.",
		facts.DaemonSet:   "Its controller tries again within 17 minutes.",
		facts.Job:         "Its controller tries again within 17 minutes.",
		facts.ReplicaSet:  "Its controller tries again within 17 minutes.",
		facts.CronJob:     "",
	} {
		if got := retry.Then(facts.Ref{Kind: kind, Namespace: "shop", Name: "cart"}); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", kind, got, want)
		}
	}
}
