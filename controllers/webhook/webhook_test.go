package webhook_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/webhook"
	"kubeops.io/kubeops/internal/expression"
)

// commit is the hash of the n-th commit.
func commit(n int) string { return fmt.Sprintf("%040d", n) }

func TestADeliveryCreatesOneRunOfItsCommit(t *testing.T) {
	w := newWorld(t)
	got := w.deliver("d-1", push("main", commit(2)))
	if got.status != http.StatusAccepted || got.Result != "Created" || got.Run == "" {
		t.Fatalf("%+v", got)
	}
	runs := w.runs()
	if len(runs) != 1 || runs[0].Name != got.Run || !strings.HasPrefix(got.Run, "shop-") {
		t.Fatalf("runs %+v", runs)
	}
	run := runs[0]
	want := []v1alpha1.ParameterValue{{Name: "commit", Value: commit(2)}, {Name: "by", Value: "dev"}}
	if !reflect.DeepEqual(run.Spec.Parameters, want) || run.Spec.RequestedBy != "" || run.Annotations[v1alpha1.AnnotationDelivery] != "d-1" ||
		run.Annotations[v1alpha1.AnnotationTrigger] != "push" || len(run.OwnerReferences) != 1 || run.Labels[v1alpha1.LabelPipeline] != "shop" {
		t.Errorf("run %+v", run)
	}
	for name, id := range map[string]string{"redelivered": "d-1", "of a second hook": "d-2"} {
		if again := w.deliver(id, push("main", commit(2))); again.status != http.StatusOK || again.Result != "Duplicate" || again.Run != got.Run {
			t.Errorf("%s: %+v", name, again)
		}
	}
	status := w.status()
	if status.LastRun != got.Run || status.LastDelivery != "d-1" || status.LastDeliveryTime == nil || len(status.RecentRuns) != 1 {
		t.Errorf("status %+v", status)
	}

	w.Delete(&run)
	if again := w.deliver("d-3", push("main", commit(2))); again.Result != "Duplicate" || len(w.runs()) != 0 {
		t.Errorf("a replay after the run was deleted: %+v", again)
	}
	if next := w.deliver("d-4", push("main", commit(3))); next.status != http.StatusAccepted || next.Run == got.Run {
		t.Errorf("another commit: %+v", next)
	}
}

func TestADeliveryIsAnsweredWithinASecond(t *testing.T) {
	w := newWorld(t)
	var took []time.Duration
	for n := range 5 {
		request := w.request(fmt.Sprintf("d-%d", n), push("main", commit(n+2)))
		started := time.Now()
		if got := w.send(request); got.status != http.StatusAccepted {
			t.Fatalf("%+v", got)
		}
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > time.Second { // of a machine that others use, too
		t.Errorf("responses took %v", took)
	}
}

func TestReplicasCreateOneRunOfADeliveryAndForgetNone(t *testing.T) {
	w := newWorld(t)
	second := httptest.NewServer(w.handler())
	t.Cleanup(second.Close)
	const commits = 4
	var mutex sync.Mutex
	results := map[string]int{}
	var all sync.WaitGroup
	for n := range commits {
		for _, url := range []string{w.server.URL, second.URL} {
			request := w.request(fmt.Sprintf("d-%d", n), push("main", commit(n+2)))
			request.URL.Host = strings.TrimPrefix(url, "http://")
			all.Go(func() {
				got := w.send(request)
				mutex.Lock()
				defer mutex.Unlock()
				results[got.Result]++
			})
		}
	}
	all.Wait()
	if results["Created"] != commits || results["Duplicate"] != commits || len(w.runs()) != commits {
		t.Errorf("results %v, %d runs", results, len(w.runs()))
	}
	if recent := w.status().RecentRuns; len(recent) != commits {
		t.Errorf("the status has %v", recent)
	}
}

func TestARunThatWasNotRememberedWhenItWasCreatedIsRememberedByTheNextDelivery(t *testing.T) {
	w := newWorld(t)
	body := push("main", commit(1))
	if a := w.deliver("1", body); a.Result != "Created" {
		t.Fatalf("%+v", a)
	}
	p := &v1alpha1.Pipeline{}
	if err := w.Client.Get(t.Context(), w.Key("shop"), p); err != nil {
		t.Fatal(err)
	}
	p.Status.Triggers = nil // the manager ended before it was written
	if err := w.Client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if a := w.deliver("2", body); a.Result != "Duplicate" || len(w.status().RecentRuns) != 1 {
		t.Errorf("%+v, status %+v", a, w.status())
	}
	run := w.runs()[0]
	if err := w.Client.Delete(t.Context(), &run); err != nil { // as keepRuns does
		t.Fatal(err)
	}
	if a := w.deliver("3", body); a.Result != "Duplicate" || len(w.runs()) != 0 {
		t.Errorf("a delivery is executed twice: %+v, %d runs", a, len(w.runs()))
	}
}

func TestWhateverIsNotAuthenticGetsTheSameResponse(t *testing.T) {
	w := newWorld(t)
	w.Create(&v1alpha1.Pipeline{ObjectMeta: w.Meta("unreadable"), Spec: v1alpha1.PipelineSpec{
		Stages: []v1alpha1.PipelineStage{{Name: "wait", Type: v1alpha1.StageWait, Wait: &v1alpha1.WaitStage{
			Duration: &metav1.Duration{Duration: time.Second},
		}}},
		Triggers: []v1alpha1.PipelineTrigger{{Name: "push", Type: v1alpha1.TriggerWebhook, Webhook: &v1alpha1.WebhookTrigger{
			Source: v1alpha1.WebhookGitHub, SecretRef: v1alpha1.SecretKeyReference{Name: "missing", Key: "secret"},
		}}},
	}})
	body := push("main", commit(2))
	var first *answer
	for name, change := range map[string]func(*http.Request){
		"no signature":         func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") },
		"a wrong signature":    func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", signature(body+" ")) },
		"the secret itself":    func(r *http.Request) { r.Header.Set("X-Gitlab-Token", secret); r.Header.Del("X-Hub-Signature-256") },
		"no such trigger":      func(r *http.Request) { r.URL.Path = webhook.PathPrefix + w.Namespace + "/shop/tag" },
		"no such Pipeline":     func(r *http.Request) { r.URL.Path = webhook.PathPrefix + w.Namespace + "/web/push" },
		"no such namespace":    func(r *http.Request) { r.URL.Path = webhook.PathPrefix + "other/shop/push" },
		"no name":              func(r *http.Request) { r.URL.Path = webhook.PathPrefix + w.Namespace + "/A b/push" },
		"a path out of it":     func(r *http.Request) { r.URL.Opaque = "//" + r.URL.Host + webhook.PathPrefix + "..%2f..%2fx/shop/push" },
		"another path":         func(r *http.Request) { r.URL.Path = "/metrics" },
		"another method":       func(r *http.Request) { r.Method = http.MethodPut },
		"an unreadable Secret": func(r *http.Request) { r.URL.Path = webhook.PathPrefix + w.Namespace + "/unreadable/push" },
	} {
		request := w.request("d-1", body)
		change(request)
		got := w.send(request)
		if first == nil {
			first = &got
		}
		if got.status != http.StatusNotFound || got.body != "" || !reflect.DeepEqual(got.header, first.header) {
			t.Errorf("%s: %+v, others get %+v", name, got, *first)
		}
	}
	if runs := w.runs(); len(runs) != 0 {
		t.Errorf("runs %+v", runs)
	}
	status := w.status()
	if status.LastRefusalReason != v1alpha1.ReasonInvalidSignature || status.LastDeliveryTime != nil || strings.Contains(status.LastRefusalMessage, secret) {
		t.Errorf("status %+v", status)
	}

	w.Secret("hook", "secret", "short")
	w.deliver("d-2", body)
	if again := w.status(); again.LastRefusalReason != status.LastRefusalReason {
		t.Errorf("the status is written within a minute: %+v", again)
	}
	w.Clock.SetTime(w.Clock.Now().Add(time.Minute))
	w.deliver("d-3", body)
	if again := w.status(); again.LastRefusalReason != v1alpha1.ReasonInvalidSecret {
		t.Errorf("status %+v", again)
	}
}

func TestWhyAnAuthenticDeliveryCreatesNoRun(t *testing.T) {
	w := newWorld(t)
	own := strings.Replace(push("main", commit(2)), `"message": "m"`, `"message": "Deploy\n\nKubeOps-Run: promote-0123456789ab"`, 1)
	noPusher := strings.Replace(push("main", commit(2)), "pusher", "other", 1)
	suspend := func(on bool) func() {
		return func() {
			p := &v1alpha1.Pipeline{}
			if err := w.Client.Get(t.Context(), w.Key("shop"), p); err != nil {
				t.Fatal(err)
			}
			p.Spec.Suspend = on
			w.Update(p)
		}
	}
	ready := func(status metav1.ConditionStatus, reason string) func() {
		return func() {
			suspend(false)()
			p := &v1alpha1.Pipeline{}
			if err := w.Client.Get(t.Context(), w.Key("shop"), p); err != nil {
				t.Fatal(err)
			}
			p.Status.Conditions = []metav1.Condition{{
				Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: "m", LastTransitionTime: metav1.Now(),
			}}
			if err := w.Client.Status().Update(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name, body string
		before     func()
		status     int
		reason     string
	}{
		{"another branch", push("next", commit(2)), nil, http.StatusOK, v1alpha1.ReasonNotSelected},
		{"a deleted branch", push("main", strings.Repeat("0", 40)), nil, http.StatusOK, v1alpha1.ReasonRefDeleted},
		{"a commit of a Pipeline", own, nil, http.StatusOK, v1alpha1.ReasonOwnCommit},
		{"no push", `{"zen": true}`, nil, http.StatusBadRequest, v1alpha1.ReasonInvalidPayload},
		{"a value that is missing", noPusher, nil, http.StatusUnprocessableEntity, v1alpha1.ReasonInvalidExpression},
		{"suspended", push("main", commit(2)), suspend(true), http.StatusOK, v1alpha1.ReasonSuspended},
		{"left out by a quota", push("main", commit(2)), ready(metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded), http.StatusOK, v1alpha1.ReasonQuotaExceeded},
	} {
		if c.before != nil {
			c.before()
		}
		got := w.deliver("d-1", c.body)
		if got.status != c.status || got.Reason != c.reason || got.Message == "" {
			t.Errorf("%s: %+v", c.name, got)
		}
		if status := w.status(); status.LastRefusalReason != c.reason || status.LastRefusalMessage == "" || status.LastDeliveryTime == nil {
			t.Errorf("%s: status %+v", c.name, status)
		}
	}
	ready(metav1.ConditionTrue, v1alpha1.ReasonSucceeded)()
	for n := range v1alpha1.MaxUnendedRuns {
		w.Create(&v1alpha1.PipelineRun{ObjectMeta: w.Meta(fmt.Sprintf("r-%d", n)), Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: "shop"},
		}})
	}
	if got := w.deliver("d-9", push("main", commit(9))); got.status != http.StatusTooManyRequests || got.Reason != v1alpha1.ReasonTooManyRuns {
		t.Errorf("%+v", got)
	}
	if n := len(w.runs()); n != v1alpha1.MaxUnendedRuns {
		t.Errorf("%d runs", n)
	}
}

func TestALargeDeliveryIsRefusedBeforeItIsRead(t *testing.T) {
	w := newWorld(t)
	for name, length := range map[string]int64{"announced": 0, "not announced": -1} {
		request := w.request("d-1", push("main", commit(2))+strings.Repeat(" ", 1<<20))
		if length < 0 {
			request.ContentLength = length
		}
		if got := w.send(request); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %+v", name, got)
		}
	}
	body := push("main", commit(2))
	if got := w.deliver("d-2", body+strings.Repeat(" ", 1<<20-len(body))); got.status != http.StatusAccepted {
		t.Errorf("1 MiB: %+v", got)
	}
}

func TestSlowSendersHoldNoPlace(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	address := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	server := &webhook.Server{Address: "127.0.0.1:0", Handler: w.handler(), Listening: func(a net.Addr) { address <- a }}
	go func() { ended <- server.Start(ctx) }()
	host := (<-address).String()
	const slow = 400
	for range slow {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		if _, err := fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{", w.path()); err != nil {
			t.Fatal(err)
		}
	}
	request := w.request("d-1", push("main", commit(2)))
	request.URL.Host = host
	started := time.Now()
	if got := w.send(request); got.status != http.StatusAccepted || time.Since(started) > 2*time.Second {
		t.Errorf("%+v after %s", got, time.Since(started))
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the server does not stop")
	}
}

// counting counts the evaluations at the same time. Each ends once a second one has begun, or after a while.
type counting struct {
	expression.Evaluator
	mutex     sync.Mutex
	now, most int
	second    chan struct{}
}

func (c *counting) Evaluate(ctx context.Context, request expression.Request) ([]expression.Result, error) {
	c.mutex.Lock()
	c.now++
	c.most = max(c.most, c.now)
	if c.now == 2 {
		close(c.second)
	}
	c.mutex.Unlock()
	select {
	case <-c.second:
	case <-time.After(500 * time.Millisecond):
	}
	c.mutex.Lock()
	c.now--
	c.mutex.Unlock()
	return c.Evaluator.Evaluate(ctx, request)
}

// There are two processes that evaluate expressions.
func TestANamespaceEvaluatesTheExpressionsOfOneDeliveryAtATime(t *testing.T) {
	w := newWorld(t)
	expressions := &counting{Evaluator: expression.Local{}, second: make(chan struct{})}
	server := httptest.NewServer(w.handlerWith(expressions))
	t.Cleanup(server.Close)
	var all sync.WaitGroup
	for n := range 2 {
		request := w.request(fmt.Sprintf("d-%d", n), push("main", commit(n+2)))
		request.URL.Host = strings.TrimPrefix(server.URL, "http://")
		all.Go(func() {
			if a := w.send(request); a.Result != "Created" {
				t.Errorf("%+v", a)
			}
		})
	}
	all.Wait()
	if expressions.most != 1 {
		t.Errorf("%d deliveries of one namespace at the same time", expressions.most)
	}
}
