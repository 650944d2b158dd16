package pipeline

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestOnlyTriggersOfTheSpecAreRemembered(t *testing.T) {
	p := &polls{}
	key := client.ObjectKey{Namespace: "team", Name: "shop"}
	now := time.Now()
	of := func(pipeline types.UID, name string) polled {
		return polled{pipeline: pipeline, name: name, repository: "https://git", branch: "main"}
	}
	other := of("a", "other")
	p.begin(key, other, []polled{other}, now)
	for n := range 100 {
		renamed := of("a", fmt.Sprint("main-", n))
		p.begin(key, renamed, []polled{renamed, other}, now)
	}
	if got := len(p.last[key]); got != 2 {
		t.Errorf("%d triggers are remembered, want 2", got)
	}
	if left := p.left(key, other, time.Minute, now.Add(10*time.Second)); left != 50*time.Second {
		t.Errorf("the other one is polled in %s", left)
	}
	again := of("b", "other")
	p.begin(key, again, []polled{again}, now)
	if got := len(p.last[key]); got != 1 {
		t.Errorf("%d triggers are remembered of a Pipeline that was created again, want 1", got)
	}
	if p.forget(key); len(p.last) != 0 {
		t.Error("a Pipeline that is gone is remembered")
	}
}
