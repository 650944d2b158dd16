package runner

import (
	"context"
	"net"
	"net/rpc/jsonrpc"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
)

func TestAChildThatEndsWhileItWaitsForAQueryEndsItsRunAndGivesTheSlotBack(t *testing.T) {
	queries := &backends.Queries{}
	backend := &v1alpha1.MetricsBackend{Spec: v1alpha1.MetricsBackendSpec{QueryBudget: &v1alpha1.QueryBudget{MaxConcurrent: 1}}}
	slots := queries.Slots(backend, backends.BudgetOf(backend.Spec.QueryBudget))
	release, err := slots.Take(t.Context()) // another run queries
	if err != nil {
		t.Fatal(err)
	}
	parent := &Child{Config: &rest.Config{}, Backends: &backends.Resolver{Queries: queries}}
	talk := newConversation(t.Context(), parent, &v1alpha1.Inspection{}, func() error { return nil })
	near, far := net.Pipe()
	held := make(chan error, 1)
	go func() { held <- talk.hold(near) }()
	client := jsonrpc.NewClient(far)
	waiting := client.Go(methodTakeSlot, Slot{ID: 1, Backend: backend}, &None{}, nil)
	for deadline := time.Now().Add(10 * time.Second); len(talk.slots.waiting()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the child never waited")
		}
		<-time.After(time.Millisecond)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-held:
		if err == nil {
			t.Error("a child that did not finish is no error")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the run waits for a child that is gone")
	}
	<-waiting.Done
	release()
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if release, err = slots.Take(limited); err != nil {
		t.Fatal("the slot was not given back:", err)
	}
	release()
}

// waiting are the slots that the child holds or waits for.
func (h *heldSlots) waiting() (ids []int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for id := range h.held {
		ids = append(ids, id)
	}
	return ids
}
