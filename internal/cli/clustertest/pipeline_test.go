package clustertest

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// release makes a Pipeline with a parameter, and returns the name of a run that the command line created.
func (s *shop) release() string {
	s.t.Helper()
	s.Create(&v1alpha1.Pipeline{ObjectMeta: s.Meta("release"), Spec: v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "version"}},
		Stages: []v1alpha1.PipelineStage{
			{Name: "pause", Type: v1alpha1.StageWait, Wait: &v1alpha1.WaitStage{Duration: &metav1.Duration{Duration: time.Second}}},
		},
	}})
	out := s.wants(0, []string{"kubeops pipeline get release-"}, "pipeline", "run", "release", "-p", "version=1.2")
	return regexp.MustCompile(`release-[a-z0-9]+`).FindString(out)
}

// status sets what the controller would.
func (s *shop) status(name string, phase v1alpha1.RunPhase, stages ...v1alpha1.StageStatus) *v1alpha1.PipelineRun {
	s.t.Helper()
	run := &v1alpha1.PipelineRun{}
	if err := s.Client.Get(s.t.Context(), s.Key(name), run); err != nil {
		s.t.Fatal(err)
	}
	run.Status.Phase, run.Status.Stages = phase, stages
	if err := s.Client.Status().Update(s.t.Context(), run); err != nil {
		s.t.Fatal(err)
	}
	return run
}

func TestPipelinesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	name := s.release()
	s.wants(2, []string{`Pipeline "relaese" not found`, `did you mean "release"?`}, "pipeline", "run", "relaese")
	s.wants(2, []string{`no parameter "versoin"`}, "pipeline", "run", "release", "-p", "versoin=1")
	s.wants(2, []string{"parameter version has no default"}, "pipeline", "run", "release")
	s.wants(2, []string{`invalid -p "version": must be NAME=VALUE`}, "pipeline", "run", "release", "-p", "version")
	s.wants(2, []string{"is Pending and has no stage that waits for approval"}, "pipeline", "approve", name)
	s.wants(0, []string{"of Pipeline release: Pending"}, "pipeline", "get", name)

	now := metav1.Now()
	digest := "sha256:" + strings.Repeat("ab", 32)
	run := s.status(name, v1alpha1.RunRunning,
		v1alpha1.StageStatus{
			Name: "build", Type: v1alpha1.StageJob, Phase: v1alpha1.StageSucceeded, Attempt: 1, Key: "build-1", StartTime: &now,
			CompletionTime: &now, Outputs: map[string]string{"image": "shop:1.2"},
		},
		v1alpha1.StageStatus{
			Name: "approve", Type: v1alpha1.StageApproval, Phase: v1alpha1.StageObserving, Attempt: 1, Key: "approve-1", Digest: digest,
			After: []string{"build"}, Reason: v1alpha1.ReasonAwaitingApproval, Message: "0 of 1 approval", StartTime: &now,
		},
		v1alpha1.StageStatus{Name: "notice", Type: v1alpha1.StageWait, Phase: v1alpha1.StageWaiting, Finally: true},
	)
	if run.Spec.RequestedBy == "" || run.Spec.RequestedAt == nil || run.Spec.Parameters[0].Value != "1.2" {
		t.Errorf("the run is %+v", run.Spec)
	}
	s.wants(0, []string{"STAGE", "build", "Succeeded", "approve", "AwaitingApproval", "image=shop:1.2", "0 of 1 approval"}, "pipeline", "get", name)
	s.wants(0, []string{"STAGE", "(finally)"}, "pipeline", "graph", name)
	s.wants(0, []string{"flowchart LR", `s0["build<br/>Succeeded"]:::ok`, "s0 --> s1", "s1 -.-> s2"}, "pipeline", "graph", name, "-o", "mermaid")
	var shown v1alpha1.PipelineRun
	if err := json.Unmarshal([]byte(s.wants(0, nil, "pipeline", "get", name, "-o", "json")), &shown); err != nil || len(shown.Status.Stages) != 3 {
		t.Errorf("%v, %+v", err, shown.Status)
	}
	s.wants(2, []string{`invalid -o "mermade"`, `did you mean "mermaid"?`}, "pipeline", "graph", name, "-o", "mermade")
	s.wants(2, []string{`has no stage "aprove" (did you mean "approve"?)`}, "pipeline", "approve", name, "aprove")
	s.wants(2, []string{"stage build of PipelineRun", "is Succeeded, not one that waits for approval"}, "pipeline", "approve", name, "build")

	s.wants(0, []string{"Approved stage approve", digest, "warning: you requested this run"}, "pipeline", "approve", name, "--comment", "fine")
	list := &v1alpha1.ApprovalList{}
	if err := s.Client.List(t.Context(), list, client.InNamespace(s.Namespace)); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v, %d Approvals", err, len(list.Items))
	}
	spec := list.Items[0].Spec
	if spec.Run != name || spec.Stage != "approve" || spec.Attempt != 1 || spec.Digest != digest || spec.Comment != "fine" ||
		spec.Approver != run.Spec.RequestedBy || spec.Decision != v1alpha1.DecisionApprove {
		t.Errorf("the Approval is %+v", spec)
	}

	s.wants(2, []string{"has no Pod: its Job build-1"}, "pipeline", "logs", name)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "build-1-x", Labels: map[string]string{"batch.kubernetes.io/job-name": "build-1"}},
		Spec:       corev1.PodSpec{ServiceAccountName: "kubeops", Containers: []corev1.Container{{Name: "main", Image: "x"}}},
	}
	s.Create(pod)
	s.wants(2, []string{"is Pending, so it has no log yet"}, "pipeline", "logs", name, "build")

	s.wants(2, []string{"is Running, and only one that is Failed can be retried; wait for its end"}, "pipeline", "retry", name)
	s.wants(0, []string{"is being canceled"}, "pipeline", "cancel", name)
	s.status(name, v1alpha1.RunCanceled, run.Status.Stages...)
	s.wants(2, []string{"has ended: it is Canceled"}, "pipeline", "cancel", name)
	s.wants(2, []string{"start another one with `kubeops pipeline run release"}, "pipeline", "retry", name)
	run.Status.Stages[0].Phase = v1alpha1.StageFailed
	s.status(name, v1alpha1.RunFailed, run.Status.Stages...)
	s.wants(0, []string{"Requested attempt 2 of stage build"}, "pipeline", "retry", name)
	if err := s.Client.Get(t.Context(), s.Key(name), run); err != nil {
		t.Fatal(err)
	}
	if len(run.Spec.Retries) != 1 || run.Spec.Retries[0] != (v1alpha1.StageAttempt{Stage: "build", Attempt: 2}) || !run.Spec.Cancel {
		t.Errorf("the run is %+v", run.Spec)
	}
}

func TestAWaitForARunEndsWithItsResult(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.release()
	for phase, code := range map[v1alpha1.RunPhase]int{v1alpha1.RunSucceeded: 0, v1alpha1.RunFailed: 1, v1alpha1.RunCanceled: 1} {
		existing := s.runs()
		done := make(chan string, 1)
		go func() {
			got, out, errOut := s.run("pipeline", "run", "release", "-p", "version=2", "--wait")
			if got != code || !strings.Contains(out, "PipelineRun "+s.Namespace+"/release-") {
				done <- out + errOut
				return
			}
			done <- ""
		}()
		created := ""
		s.eventually(func() bool {
			for name := range s.runs() {
				if !existing[name] {
					created = name
				}
			}
			return created != ""
		})
		s.status(created, phase)
		if wrong := <-done; wrong != "" {
			t.Errorf("%s: %s", phase, wrong)
		}
	}
	s.wants(2, []string{"did not end within --timeout 1s", "it goes on in the cluster"},
		"pipeline", "run", "release", "-p", "version=2", "--wait", "--timeout", "1s")
}

// runs of the namespace by name.
func (s *shop) runs() map[string]bool {
	list := &v1alpha1.PipelineRunList{}
	if err := s.Client.List(s.t.Context(), list, client.InNamespace(s.Namespace)); err != nil {
		s.t.Error(err)
	}
	names := map[string]bool{}
	for _, run := range list.Items {
		names[run.Name] = true
	}
	return names
}
