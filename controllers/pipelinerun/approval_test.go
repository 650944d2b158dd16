package pipelinerun_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestOnlyWhoMayApproveCanCreateAnApprovalInTheirOwnName(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{approvalStage("a")}})
	w.run("r")
	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Observing/AwaitingApproval")
	for name, tc := range map[string]struct {
		who    string
		change func(*v1alpha1.ApprovalSpec)
		want   string
	}{
		"in the name of another":    {"alice", func(s *v1alpha1.ApprovalSpec) { s.Approver = "bob" }, "spec.approver must be alice"},
		"a group of others":         {"alice", func(s *v1alpha1.ApprovalSpec) { s.Groups = []string{"system:masters"} }, "spec.groups has a group"},
		"without the verb":          {"dave", nil, "cannot create resource"},
		"of another Pipeline":       {"eve", func(s *v1alpha1.ApprovalSpec) { s.Pipeline = "other" }, "cannot approve runs of Pipeline"},
		"a digest of another shape": {"alice", func(s *v1alpha1.ApprovalSpec) { s.Digest = "latest" }, "spec.digest"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.who == "eve" {
				w.only("eve", "p")
			}
			changes := []func(*v1alpha1.ApprovalSpec){}
			if tc.change != nil {
				changes = append(changes, tc.change)
			}
			if err := w.approve(run, "a", tc.who, changes...); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	w.want(w.settle("r"), v1alpha1.RunRunning, "a=Observing/AwaitingApproval")
	if err := w.approve(run, "a", "eve"); err != nil {
		t.Error(err)
	}
	run = w.settle("r")
	w.want(run, v1alpha1.RunSucceeded, "a=Succeeded")
	if got := run.Status.Stage("a").Outputs[v1alpha1.OutputApprovers]; got != "eve" {
		t.Errorf("approvers %q", got)
	}
	list := &v1alpha1.ApprovalList{}
	if err := w.Client.List(t.Context(), list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v, %d Approvals", err, len(list.Items))
	}
	approval := &list.Items[0]
	approval.Spec.Decision = v1alpha1.DecisionReject
	if err := w.Client.Update(t.Context(), approval); err == nil || !strings.Contains(err.Error(), "cannot be changed") {
		t.Errorf("got %v", err)
	}
	w.Delete(approval)
}

// only lets a user approve one Pipeline.
func (w *world) only(who, pipeline string) {
	w.t.Helper()
	w.Create(&rbacv1.Role{ObjectMeta: w.Meta(who), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.Group}, Resources: []string{"pipelines"}, ResourceNames: []string{pipeline}, Verbs: []string{"approve"}},
		{APIGroups: []string{v1alpha1.Group}, Resources: []string{"approvals", "pipelineruns"}, Verbs: []string{"create", "list"}},
	}})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta(who), Subjects: []rbacv1.Subject{user(who)},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: who},
	})
	w.Eventually(func() error { return w.as(who).List(w.t.Context(), &v1alpha1.PipelineRunList{}, inNamespace(w)) })
}

func TestApprovalsAreCountedByPersonAttemptAndDigest(t *testing.T) {
	w := newWorld(t)
	two := approvalStage("two")
	two.Approval.Required = 2
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{two}})
	w.run("r")
	run := w.settle("r")
	approve := func(who string, change ...func(*v1alpha1.ApprovalSpec)) {
		t.Helper()
		if err := w.approve(run, "two", who, change...); err != nil {
			t.Fatal(err)
		}
	}
	w.bind("kubeops-approver", "carol-approves", user("carol"))
	w.Eventually(func() error { return w.as("carol").List(t.Context(), &v1alpha1.PipelineRunList{}, inNamespace(w)) })
	approve("carol") // requested the run
	approve("alice")
	approve("alice") // a second time
	approve("bob", func(s *v1alpha1.ApprovalSpec) { s.Attempt = 2 })
	approve("bob", func(s *v1alpha1.ApprovalSpec) { s.Digest = "sha256:" + strings.Repeat("0", 64) })
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "two=Observing/AwaitingApproval")
	for _, want := range []string{"1 of 2 approvals", "carol requested the run", "2 Approvals of another attempt or digest"} {
		if message := run.Status.Stage("two").Message; !strings.Contains(message, want) {
			t.Errorf("%q is not in %q", want, message)
		}
	}
	approve("bob")
	run = w.settle("r")
	w.want(run, v1alpha1.RunSucceeded, "two=Succeeded")
}

func TestARejectionAndAnExpiryFail(t *testing.T) {
	w := newWorld(t)
	a := approvalStage("a")
	a.Timeout = &metav1.Duration{Duration: time.Hour}
	w.pipeline(v1alpha1.PipelineSpec{Concurrency: v1alpha1.ConcurrencyAllow, Stages: []v1alpha1.PipelineStage{a}})
	w.run("rejected")
	run := w.settle("rejected")
	reject := func(s *v1alpha1.ApprovalSpec) {
		s.Decision = v1alpha1.DecisionReject
		s.Comment = "password: hunter2hunter2xyz"
	}
	if err := w.approve(run, "a", "alice", reject); err != nil {
		t.Fatal(err)
	}
	run = w.settle("rejected")
	w.want(run, v1alpha1.RunFailed, "a=Failed/ApprovalRejected")
	if message := run.Status.Stage("a").Message; !strings.Contains(message, "rejected by alice") || strings.Contains(message, "hunter2") {
		t.Errorf("message %q", message)
	}
	w.run("expired")
	w.settle("expired")
	w.want(w.pass(time.Hour, "expired"), v1alpha1.RunFailed, "a=Failed/ApprovalExpired")
}

func TestARevokedPermissionDoesNotCount(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{approvalStage("a")}})
	w.only("eve", "p")
	w.run("r")
	run := w.settle("r")
	if err := w.approve(run, "a", "eve"); err != nil {
		t.Fatal(err)
	}
	w.Delete(&rbacv1.RoleBinding{ObjectMeta: w.Meta("eve")})
	w.Eventually(func() error {
		err := w.as("eve").List(t.Context(), &v1alpha1.PipelineRunList{}, inNamespace(w))
		if apierrors.IsForbidden(err) {
			return nil
		}
		return errors.Join(errStill, err)
	})
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Observing/AwaitingApproval")
	if message := run.Status.Stage("a").Message; !strings.Contains(message, "eve lacks the verb approve") {
		t.Errorf("message %q", message)
	}
}

func TestARunOfAnUnknownRequesterNeedsOneMoreApproval(t *testing.T) {
	for name, tc := range map[string]struct {
		required  int32
		allowSelf bool
		approvers []string
		want      string // is missing before the last of them
	}{
		"one is required":     {1, false, []string{"alice", "bob"}, "1 of 2 approvals"},
		"two are required":    {2, false, []string{"alice", "bob", "carol"}, "2 of 3 approvals"},
		"allowSelf":           {1, true, []string{"alice"}, "0 of 1 approval"},
		"allowSelf, with two": {2, true, []string{"alice", "bob"}, "1 of 2 approvals"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.bind("kubeops-approver", "carol-approves", user("carol"))
			w.Eventually(func() error { return w.as("carol").List(t.Context(), &v1alpha1.PipelineRunList{}, inNamespace(w)) })
			stage := approvalStage("a")
			stage.Approval.Required = tc.required
			stage.Approval.AllowSelf = tc.allowSelf
			w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage}})
			w.Create(&v1alpha1.PipelineRun{
				ObjectMeta: w.Meta("r"), Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: "p"}},
			})
			run := w.settle("r")
			last := len(tc.approvers) - 1
			for i, who := range tc.approvers {
				for range 2 { // the same person counts once
					if err := w.approve(run, "a", who); err != nil {
						t.Fatal(err)
					}
				}
				if i < last {
					run = w.settle("r")
				}
				if i == last-1 {
					w.want(run, v1alpha1.RunRunning, "a=Observing/AwaitingApproval")
				}
			}
			if message := run.Status.Stage("a").Message; !strings.Contains(message, tc.want) ||
				strings.Contains(message, "unknown who requested") == tc.allowSelf {
				t.Errorf("the message is %q", message)
			}
			w.want(w.settle("r"), v1alpha1.RunSucceeded, "a=Succeeded")
		})
	}
}
