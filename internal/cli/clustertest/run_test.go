package clustertest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestRunRequestsAndWaitsForAReport(t *testing.T) {
	startController(t)

	t.Run("without --wait the run is only requested", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		s.wants(0, []string{"Requested a run of Inspection " + s.Namespace + "/i", "kubeops report -n " + s.Namespace + " i"}, "run", "i")
		s.eventually(func() bool { return len(s.Reports()) == 2 && s.Newest().Summary.Trigger == "request" })
	})

	t.Run("with --wait the report of a run after the request is printed, and the progress on stderr", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		requested := time.Now().Truncate(time.Second)
		code, out, errOut := s.run("run", "insp/i", "--wait", "-o", "json")
		var report v1alpha1.InspectionReport
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
			t.Fatalf("exit code %d, %v: %s", code, err, errOut)
		}
		if report.Summary.Trigger != "request" || report.Summary.StartTime.Time.Before(requested) || report.Name != s.Get().Status.LastReport {
			t.Errorf("report %s: %+v, requested at %s", report.Name, report.Summary, requested)
		}
		if !strings.Contains(errOut, "Inspection "+s.Namespace+"/i: ") {
			t.Errorf("no progress in %q", errOut)
		}
		s.wants(1, []string{"Service " + s.Namespace + "/lost", "--fail-on"}, "run", "--wait", "--fail-on", "low")
	})

	t.Run("requests at the same time all wait for a run that started after them", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		var all sync.WaitGroup
		failures := make(chan error, 6)
		for range cap(failures) {
			all.Go(func() { failures <- s.runAfterRequest() })
		}
		all.Wait()
		close(failures)
		for err := range failures {
			if err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("a suspended Inspection is not requested by run, and runs the latest request when it is resumed", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		s.wants(0, []string{"suspended"}, "suspend", "i")
		s.wants(2, []string{"inspection " + s.Namespace + "/i is suspended", "kubeops resume -n " + s.Namespace + " i"}, "run", "--wait")
		s.eventually(func() bool { return s.Get().Status.ObservedGeneration == s.Get().Generation })
		s.Request("first")
		s.Request("second")
		s.wants(0, []string{"resumed"}, "resume", "i")
		s.eventually(func() bool { return s.Get().Status.LastHandledRequest == "second" })
		if reports := s.Reports(); len(reports) != 2 || s.Newest().Summary.Trigger != "request" {
			t.Errorf("%d reports, the newest by %s; want one run for the request and the change of the spec", len(reports),
				s.Newest().Summary.Trigger)
		}
	})

	t.Run("a run that cannot start ends the wait with the reason", func(t *testing.T) {
		s := newShop(t)
		s.Create(&v1alpha1.Inspection{ObjectMeta: s.Meta("i"), Spec: v1alpha1.InspectionSpec{
			Schedule: "0 0 1 1 *", Checks: &v1alpha1.CheckSelection{Include: []string{"no-such-check"}},
		}})
		s.wants(2, []string{"cannot run (UnknownCheck)", "no-such-check"}, "run", "--wait", "--timeout", "60s")
	})

	t.Run("the wait ends after --timeout and says what the Inspection does", func(t *testing.T) {
		s := newShop(t)
		s.Create(&v1alpha1.Inspection{ObjectMeta: s.Meta("i"), Spec: v1alpha1.InspectionSpec{
			Schedule: "0 0 1 1 *", ServiceAccountName: "missing",
		}})
		s.wants(2, []string{"has no report of the requested run after 3s", "/missing"}, "run", "--wait", "--timeout", "3s")
	})

	t.Run("an interrupted wait exits with code 130", func(t *testing.T) {
		s := newShop(t)
		s.Create(&v1alpha1.Inspection{ObjectMeta: s.Meta("i"), Spec: v1alpha1.InspectionSpec{
			Schedule: "0 0 1 1 *", ServiceAccountName: "missing",
		}})
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			s.eventually(func() bool { return s.Get().Annotations[v1alpha1.AnnotationRequestedAt] != "" })
			stop()
		}()
		if code, _, errOut := s.runContext(ctx, "run", "--wait"); code != 130 || !strings.Contains(errOut, "interrupted") {
			t.Errorf("exit code %d: %s", code, errOut)
		}
	})
}

// runAfterRequest runs and waits, and returns an error unless the printed report started after the request.
func (s *shop) runAfterRequest() error {
	requested := time.Now().Truncate(time.Second)
	code, out, errOut := s.runContext(context.WithoutCancel(s.t.Context()), "run", "--wait", "--timeout", "60s", "-o", "json")
	var report v1alpha1.InspectionReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
		return fmt.Errorf("exit code %d, %w: %s", code, err, errOut)
	}
	if report.Summary.StartTime.Time.Before(requested) {
		return fmt.Errorf("the report is of %s, the request of %s", report.Summary.StartTime, requested)
	}
	return nil
}

// No controller runs in this test.
func TestARequestThatNoControllerPicksUpIsDescribed(t *testing.T) {
	s := newShop(t)
	s.Create(&v1alpha1.Inspection{ObjectMeta: s.Meta("i"), Spec: v1alpha1.InspectionSpec{Schedule: "0 0 1 1 *"}})
	wait := []string{"run", "--wait", "--timeout", "1s"}
	const noController = "no controller has picked up the request, since the status has not changed"

	s.wants(2, []string{noController + "; check that the manager runs: `kubectl get deployments -A"}, wait...)

	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: v1alpha1.LeaderElectionLease}}
	renew := func(holder string, at time.Time) {
		lease.Spec = coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: new(int32(15)), RenewTime: &metav1.MicroTime{Time: at},
		}
	}
	renew("manager-a", time.Now().Add(-time.Hour))
	s.Create(lease)
	s.wants(2, []string{noController + "; no manager renews Lease " + s.Namespace + "/kubeops-manager.kubeops.io (last at "}, wait...)

	renew("", time.Now()) // released
	s.Update(lease)
	s.wants(2, []string{noController, "no manager renews Lease"}, wait...)

	renew("manager-a", time.Now())
	s.Update(lease)
	if out := s.wants(2, []string{"use a longer --timeout"}, wait...); strings.Contains(out, noController) {
		t.Errorf("a manager works, but got %s", out)
	}
	s.wants(2, []string{"; use -n to select another namespace\n"}, "run", "-n", "default")
}
