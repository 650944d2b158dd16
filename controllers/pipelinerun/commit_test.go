package pipelinerun_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

const valuesFile = `# Values of shop.
image:
  tag: v1 # set by the pipeline
replicas: 2
`

// newGit is a world with a Git server, whose credentials the ServiceAccount can read.
func newGit(t *testing.T) (*world, *gitserver.Server) {
	t.Helper()
	w := newWorld(t)
	w.Grant("git")
	w.Secret("git", "username", gitserver.User, "password", gitserver.Password)
	return w, gitserver.New(t, map[string]string{"shop/values.yaml": valuesFile, "README.md": "deployments\n"})
}

func commitStage(server *gitserver.Server, name string, after ...string) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: name, Type: v1alpha1.StageCommit, After: after, Commit: &v1alpha1.CommitStage{
		Repository: server.URL, Branch: "main", SecretRef: v1alpha1.SecretReference{Name: "git"}, Message: "Deploy shop",
		Changes: []v1alpha1.CommitChange{{File: "shop/values.yaml", Path: "image.tag", Expression: "params.tag"}},
	}}
}

func tag(value string) v1alpha1.ParameterValue {
	return v1alpha1.ParameterValue{Name: "tag", Value: value}
}

func TestACommitStageChangesAFileAndTheNextStageKnowsTheRevision(t *testing.T) {
	w, server := newGit(t)
	next := jobStage("next", "commit")
	next.Job.Env = []v1alpha1.StageValue{{Name: "REVISION", Expression: "stages.commit.outputs.revision"}}
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "tag"}}, Stages: []v1alpha1.PipelineStage{commitStage(server, "commit"), next},
	})
	first := strings.TrimSpace(server.Git("rev-parse", "main"))
	w.run("r", tag("1.10"))
	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "commit=Succeeded", "next=Observing")
	tip := strings.TrimSpace(server.Git("rev-parse", "main"))
	stage := run.Status.Stage("commit")
	if stage.Outputs["revision"] != tip || stage.Outputs["previousRevision"] != first || stage.Outputs["changed"] != "true" || stage.Previous != first {
		t.Errorf("outputs %v, previous %s; the branch is at %s", stage.Outputs, stage.Previous, tip)
	}
	if got := server.File("main", "shop/values.yaml"); got != strings.Replace(valuesFile, "tag: v1 ", `tag: "1.10" `, 1) {
		t.Errorf("the file is %s", got)
	}
	if server.Marked("main", stage.Key) != 1 {
		t.Error("the commit has no trailer")
	}
	if env := w.jobs()["next"][0].Spec.Template.Spec.Containers[0].Env[0]; env.Value != tip {
		t.Errorf("the next stage got %+v", env)
	}
	w.finish(key(run, "next"), 0, "")
	w.settle("r")

	w.run("again", tag("1.10"))
	run = w.settle("again")
	w.want(run, v1alpha1.RunRunning, "commit=Succeeded/Unchanged")
	if o := run.Status.Stage("commit").Outputs; o["revision"] != tip || o["changed"] != "false" {
		t.Errorf("outputs %v", o)
	}
}

func TestWhyACommitStageFails(t *testing.T) {
	w, server := newGit(t)
	server.Hook("pre-receive", `echo "error: branch main is protected by rule 7" >&2; exit 1`)
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "tag"}}, Stages: []v1alpha1.PipelineStage{commitStage(server, "commit")},
	})
	w.run("declined", tag("v2"))
	run := w.settle("declined")
	w.want(run, v1alpha1.RunFailed, "commit=Failed/PushDeclined")
	if message := run.Status.Stage("commit").Message; !strings.Contains(message, "protected by rule 7") {
		t.Errorf("message %q", message)
	}
	w.Secret("git", "token", "wrong")
	w.run("unauthorized", tag("v2"))
	run = w.settle("unauthorized")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonUnauthorized)
	if strings.Contains(dump(run), gitserver.Password) {
		t.Error("the status has the password")
	}
}

func TestATokenThatIsRevokedBeforeThePushFailsTheStageWithoutACommit(t *testing.T) {
	w, server := newGit(t)
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "tag"}}, Stages: []v1alpha1.PipelineStage{commitStage(server, "commit")},
	})
	server.Before(func(r *http.Request) int {
		if strings.Contains(r.URL.RequestURI(), "git-receive-pack") {
			return http.StatusUnauthorized
		}
		return 0
	})
	w.run("r", tag("v2"))
	run := w.settle("r")
	w.want(run, v1alpha1.RunFailed, "commit=Failed/"+v1alpha1.ReasonUnauthorized)
	if n := server.Marked("main", run.Status.Stage("commit").Key); n != 0 || strings.Contains(dump(run), gitserver.Password) {
		t.Errorf("%d commits: %s", n, dump(run))
	}
}

// failing is a Pipeline with commits, one after the other, and a Job, after whose failure they are rolled back. The first sets the tag,
// and the second the replicas.
func failing(server *gitserver.Server, names ...string) v1alpha1.PipelineSpec {
	spec := v1alpha1.PipelineSpec{Concurrency: v1alpha1.ConcurrencyAllow, Parameters: []v1alpha1.PipelineParameter{{Name: "tag"}}}
	for i, name := range names {
		stage := commitStage(server, name, names[max(i-1, 0):i]...)
		stage.Commit.Changes[0].Path = []string{"image.tag", "replicas"}[i]
		spec.Stages = append(spec.Stages, stage)
	}
	check := jobStage("check", names[len(names)-1])
	check.OnFailure = v1alpha1.FailureRollback
	spec.Stages = append(spec.Stages, check)
	return spec
}

// wantOneCommitEach checks that each attempt and each rollback of a run has one commit, and that the file is as it was.
func (w *world) wantOneCommitEach(server *gitserver.Server, run *v1alpha1.PipelineRun, stages ...string) {
	w.t.Helper()
	w.want(run, v1alpha1.RunFailed, "check=Failed")
	for _, name := range stages {
		w.want(run, v1alpha1.RunFailed, name+"=Succeeded")
		s := run.Status.Stage(name)
		if s.Rollback == nil || s.Rollback.Phase != v1alpha1.StageSucceeded || s.Rollback.Key != pipeline.RollbackKey(run.UID, name, 1) {
			w.t.Fatalf("stage %s is not rolled back: %s", name, dump(run))
		}
		for _, key := range []string{s.Key, s.Rollback.Key} {
			if n := server.Marked("main", key); n != 1 {
				w.t.Errorf("%s: %d commits of %s, want 1", run.Name, n, key)
			}
		}
	}
	if got := server.File("main", "shop/values.yaml"); got != valuesFile {
		w.t.Errorf("%s: the file is\n%s", run.Name, got)
	}
}

func TestAFailureRollsBackInReverseOrder(t *testing.T) {
	w, server := newGit(t)
	w.pipeline(failing(server, "first", "second"))
	w.run("r", tag("7"))
	w.settle("r")
	server.Push("main", "another", map[string]string{"README.md": "changed\n"})
	w.finish(key(w.get("r"), "check"), 1, "")
	run := w.settle("r")
	w.wantOneCommitEach(server, run, "first", "second")
	if got := server.File("main", "README.md"); got != "changed\n" {
		t.Errorf("the commit of someone else is undone: %s", got)
	}
	if second := server.Git("log", "-1", "--format=%B", run.Status.Stage("second").Rollback.Revision); !strings.Contains(second, "Roll back Pipeline p: stage second") {
		t.Errorf("the message is %s", second)
	}
	order := server.Git("log", "-2", "--format=%H", "main")
	if want := run.Status.Stage("first").Rollback.Revision + "\n" + run.Status.Stage("second").Rollback.Revision + "\n"; order != want {
		t.Errorf("the last commits are %s, want %s", order, want)
	}
	wantReason(t, run, v1alpha1.ReasonStageFailed)

	// A retry of the check makes the commits again.
	run.Spec.Retries = []v1alpha1.StageAttempt{{Stage: "check", Attempt: 2}}
	w.Update(run)
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "first=Succeeded", "second=Succeeded", "check=Observing")
	if got := server.File("main", "shop/values.yaml"); !strings.Contains(got, `tag: "7"`) || !strings.Contains(got, "replicas: 7") {
		t.Errorf("the file is\n%s", got)
	}
	w.finish(key(run, "check"), 1, "")
	w.settle("r")
	if got := server.File("main", "shop/values.yaml"); got != valuesFile {
		t.Errorf("the file is\n%s", got)
	}
}

func TestARollbackLeavesAloneWhatSomeoneElseChanged(t *testing.T) {
	w, server := newGit(t)
	w.pipeline(failing(server, "first", "second"))
	w.run("r", tag("7"))
	w.settle("r")
	theirs := strings.Replace(strings.Replace(valuesFile, "v1", "v9", 1), "replicas: 2", "replicas: 7", 1)
	server.Push("main", "another", map[string]string{"shop/values.yaml": theirs})
	w.finish(key(w.get("r"), "check"), 1, "")
	run := w.settle("r")
	first, second := run.Status.Stage("first").Rollback, run.Status.Stage("second").Rollback
	if first.Phase != v1alpha1.StageFailed || first.Reason != v1alpha1.ReasonValuesChanged || second.Phase != v1alpha1.StageSucceeded {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if got := server.File("main", "shop/values.yaml"); got != strings.Replace(theirs, "replicas: 7", "replicas: 2", 1) {
		t.Errorf("the file is\n%s", got)
	}
	w.want(run, v1alpha1.RunFailed)
}

// TestACrashAtAnyWriteLeavesOneCommitForEachAttempt lets the manager crash at each of its writes to the API server, before it was executed
// or before its answer arrived.
func TestACrashAtAnyWriteLeavesOneCommitForEachAttempt(t *testing.T) {
	w, server := newGit(t)
	w.pipeline(failing(server, "first"))
	crashes := 0
	const maxWrites = 12
	for _, lost := range []bool{false, true} {
		for fails := 1; fails <= maxWrites; fails++ {
			name := fmt.Sprintf("r-%d-%v", fails, lost)
			w.run(name, tag(fmt.Sprint(fails+10)))
			w.requests.arm(fails, lost)
			w.untilEnd(name, map[string][]int32{"check": {1}})
			w.wantOneCommitEach(server, w.get(name), "first")
			if _, writes := w.requests.counts(); writes >= fails {
				crashes++
			}
		}
	}
	if crashes < maxWrites {
		t.Errorf("%d crashes", crashes)
	}
	server.Git("fsck", "--strict")
}

// TestALostRequestOfTheGitServerLeavesOneCommitForEachAttempt lets each request to the Git server fail, before it was executed or before
// its answer arrived, once for a run; another manager takes over.
func TestALostRequestOfTheGitServerLeavesOneCommitForEachAttempt(t *testing.T) {
	w, server := newGit(t)
	w.pipeline(failing(server, "first"))
	uids := map[types.UID]bool{}
	const maxRequests = 14
	failures := 0
	for _, lost := range []bool{false, true} {
		for fails := 2; fails <= maxRequests; fails++ { // the first is the check of the run
			count := 0
			fail := func(is bool) bool {
				if is != lost {
					return false
				}
				count++
				if count == fails {
					failures++
					w.restart()
				}
				return count == fails
			}
			server.Before(func(*http.Request) int {
				if fail(false) {
					return http.StatusBadGateway
				}
				return 0
			})
			server.After(func(*http.Request) bool { return fail(true) })
			name := fmt.Sprintf("r-%d-%v", fails, lost)
			uids[w.run(name, tag(fmt.Sprint(fails+10))).UID] = true
			w.untilEnd(name, map[string][]int32{"check": {1}})
			server.Before(nil)
			server.After(nil)
			w.wantOneCommitEach(server, w.get(name), "first")
		}
	}
	if failures < maxRequests {
		t.Errorf("%d failures", failures)
	}
}
