package walls

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	cifake "kubeops.io/kubeops/internal/testkit/jenkins"
)

const (
	// served is the namespace of Inspections, and of a Pipeline that a webhook starts.
	served = "served"
	// maxTakeover is how long no replica may lead after the leader was killed, and maxHandover after it was stopped.
	maxTakeover = 20 * time.Second
	maxHandover = 6 * time.Second
	// failoverDeliveries are Pipelines whose runs are in progress at the same time.
	failoverDeliveries = 6
	// webhookSecret signs deliveries.
	webhookSecret = "the secret of the deliveries of this test" //nolint:gosec // of a test
)

// failover kills leaders amid runs, bundles and inspections.
type failover struct {
	*delivery
	managers *replicas
	random   *rand.Rand
	// steady runs by its schedule, asked when it is requested.
	steady, asked client.ObjectKey
	requests      int
	// reports that were seen, by name: the run that each is of.
	reports map[string]string
	// amid counts the kills that hit a run, a bundle and an inspection in progress.
	amid [3]int
	// takeovers and answers are the times from a kill until there was another leader, and until a run that was requested at the kill ended.
	takeovers, answers []time.Duration
}

// TestFailoverLosesNothing kills the leader of two replicas with SIGKILL amid PipelineRuns, ResourceBundles and Inspections. Another one
// leads within 20 s. Each attempt of a stage was started once, each run of an Inspection has one report, and each delivery of a webhook, which
// all replicas receive, one run. KUBEOPS_FAILOVER_KILLS is the number of kills (default 50).
func TestFailoverLosesNothing(t *testing.T) {
	kills := number(t, "KUBEOPS_FAILOVER_KILLS", 50)
	f := newFailover(t)
	for n := range kills {
		f.round(n)
	}
	t.Logf("%d kills: %d amid PipelineRuns, %d amid applies and prunes of a bundle, %d amid runs of an Inspection", kills, f.amid[0], f.amid[1],
		f.amid[2])
	t.Logf("another replica had the Lease after %s, and had ended a requested run after %s", spread(f.takeovers), spread(f.answers))
	if slowest := slices.Max(f.takeovers); slowest > maxTakeover {
		t.Errorf("another replica had the Lease only after %s, more than %s", slowest, maxTakeover)
	}
	for i, what := range []string{"PipelineRuns", "bundles", "Inspections"} {
		if least := kills / 3 / 2; f.amid[i] < least {
			t.Errorf("%d kills hit %s in progress, want at least %d", f.amid[i], what, least)
		}
	}
	f.handover()
	f.verify(kills)
}

func newFailover(t *testing.T) *failover {
	d := newDelivery(t, failoverDeliveries, func(*v1alpha1.Pipeline) {})
	d.alone = false
	d.settings = "webhooks: {bindAddress: \"$WEBHOOKS\"}\nlimits: {minScheduleInterval: 1s}\n"
	d.ci.Set(func(o *cifake.Options) {
		o.Executors = failoverDeliveries / 2
		o.Duration = time.Second
	})
	d.newBundleTenant()
	manifests, _ := version(0)
	d.create(&v1alpha1.ResourceBundle{ObjectMeta: metav1.ObjectMeta{Namespace: bundled, Name: "b"}, Spec: v1alpha1.ResourceBundleSpec{
		Manifests: manifests, Prune: &v1alpha1.PrunePolicy{Enabled: true},
	}})
	d.cluster.newTenant(served)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: served, Name: name} }
	f := &failover{
		delivery: d, random: rand.New(rand.NewPCG(7, 8)), reports: map[string]string{}, //nolint:gosec // the same points each time
		steady: client.ObjectKey{Namespace: served, Name: "steady"}, asked: client.ObjectKey{Namespace: served, Name: "asked"},
	}
	for _, i := range []*v1alpha1.Inspection{
		{ObjectMeta: in("steady"), Spec: v1alpha1.InspectionSpec{Schedule: "@every 10s"}}, {ObjectMeta: in("asked")},
	} {
		i.Spec.Namespaces = []string{served}
		i.Spec.KeepReports = 100
		d.create(i)
	}
	d.create(&corev1.Secret{ObjectMeta: in("webhook"), StringData: map[string]string{"secret": webhookSecret}})
	d.create(&v1alpha1.Pipeline{ObjectMeta: in("hooked"), Spec: v1alpha1.PipelineSpec{
		KeepRuns: 1000,
		Triggers: []v1alpha1.PipelineTrigger{{Name: "push", Type: v1alpha1.TriggerWebhook, Webhook: &v1alpha1.WebhookTrigger{
			Source: v1alpha1.WebhookGitHub, SecretRef: v1alpha1.SecretKeyReference{Name: "webhook", Key: "secret"},
		}}},
		Stages: []v1alpha1.PipelineStage{{
			Name: "pause", Type: v1alpha1.StageWait, Wait: &v1alpha1.WaitStage{Duration: &metav1.Duration{Duration: time.Second}},
		}},
	}})
	d.keepTime()
	f.managers = d.startReplicas(2)
	return f
}

// round kills the leader while all kinds of work are in progress, at a point that one of them has reached, and starts another replica.
func (f *failover) round(n int) {
	f.t.Helper()
	if f.allEnded() {
		f.start(n)
	}
	if n > 0 {
		manifests, _ := version(n)
		f.changeBundle(manifests)
	}
	leader := f.managers.leader()
	holder, err := f.managers.holder(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if f.reaches(n % 3) {
		f.amid[n%3]++
	}
	f.deliverToAll(n)
	leader.kill()
	killed := time.Now()
	request := f.ask()
	f.managers.running = append(f.managers.running, f.launch())
	f.managers.remove(leader)
	listed := f.listedObjects()
	for _, name := range f.ownedObjects() {
		if !slices.Contains(listed, name) {
			f.t.Fatalf("kill %d: %s is not in the inventory %v", n, name, listed)
		}
	}
	f.takeovers = append(f.takeovers, f.managers.takeover(holder, killed))
	f.handled(f.asked, request, time.Minute)
	f.answers = append(f.answers, time.Since(killed))
	f.managers.allReady()
	f.see()
}

// ask for a run.
func (f *failover) ask() string {
	f.requests++
	value := fmt.Sprint("request-", f.requests)
	f.request(f.asked, value)
	return value
}

// reaches waits for a random point of one kind of work. It returns false if the work was over before.
func (f *failover) reaches(kind int) bool {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), killPatience)
	defer cancel()
	switch kind {
	case 0:
		return f.writes(ctx, &v1alpha1.PipelineRunList{}, delivered, 1+f.random.IntN(maxWrites))
	case 1:
		return f.writes(ctx, &corev1.ConfigMapList{}, bundled, 1+f.random.IntN(bundleObjects/2))
	default:
		f.request(f.steady, fmt.Sprint("kill-", f.random.Int64()))
		for ctx.Err() == nil {
			inspection := &v1alpha1.Inspection{}
			if err := f.client.Get(ctx, f.steady, inspection); err == nil && inspection.Status.ActiveRun != nil {
				pause(ctx, time.Duration(f.random.IntN(400))*time.Millisecond)
				return true
			}
		}
		return false
	}
}

// writes waits for a number of writes of objects.
func (f *failover) writes(ctx context.Context, list client.ObjectList, namespace string, count int) bool {
	f.t.Helper()
	if err := f.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		f.t.Fatal(err)
	}
	from := &client.ListOptions{Namespace: namespace, Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	events, err := f.client.Watch(ctx, list, from)
	if err != nil {
		f.t.Fatal(err)
	}
	defer events.Stop()
	for range count {
		select {
		case _, open := <-events.ResultChan():
			if !open {
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// deliverToAll sends the same delivery to all replicas at the same time, as a sender does that repeats what it takes for lost.
func (f *failover) deliverToAll(n int) {
	f.t.Helper()
	body := fmt.Appendf(nil, `{"ref":"refs/heads/main","after":"%040d","repository":{"full_name":"acme/shop"},"pusher":{"name":"dev"},`+
		`"head_commit":{"id":"%040d","message":"m"}}`, n+1, n+1)
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	_, _ = mac.Write(body) // it never fails
	var group sync.WaitGroup
	for _, m := range f.managers.running {
		group.Go(func() {
			url := "http://" + m.webhooks + "/webhooks/" + served + "/hooked/push"
			request, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, url, bytes.NewReader(body))
			if err != nil {
				f.t.Error(err)
				return
			}
			request.Header.Set("X-GitHub-Event", "push")
			request.Header.Set("X-GitHub-Delivery", fmt.Sprint("delivery-", n))
			request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				f.t.Errorf("delivery %d: %v", n, err)
				return
			}
			_ = response.Body.Close() // the status says enough
			if response.StatusCode != http.StatusAccepted && response.StatusCode != http.StatusOK {
				f.t.Errorf("delivery %d: %s", n, response.Status)
			}
		})
	}
	group.Wait()
}

// see the reports that are there. There are never two of one scheduled time.
func (f *failover) see() {
	f.t.Helper()
	list := &v1alpha1.InspectionReportList{}
	if err := f.client.List(f.t.Context(), list, client.InNamespace(served)); err != nil {
		f.t.Fatal(err)
	}
	for i := range list.Items {
		summary := &list.Items[i].Summary
		f.reports[list.Items[i].Name] = summary.Inspection + " " + summary.Trigger + " " + scheduled(summary.ScheduledTime)
	}
}

func scheduled(at *metav1.Time) string {
	if at == nil {
		return "at no time"
	}
	return at.UTC().Format(time.RFC3339)
}

// handover stops the leader with SIGTERM: it releases the Lease, and another replica does not wait for its end.
func (f *failover) handover() {
	f.t.Helper()
	leader := f.managers.leader()
	holder, err := f.managers.holder(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	began := time.Now()
	leader.stop()
	stopped := time.Since(began)
	f.managers.remove(leader)
	took := f.managers.takeover(holder, began.Add(stopped))
	f.t.Logf("a leader that got SIGTERM ended after %s, and another replica had the Lease %s later", stopped.Round(time.Millisecond),
		took.Round(time.Millisecond))
	if took > maxHandover {
		f.t.Errorf("the Lease of a leader that was stopped was free only after %s, more than %s", took, maxHandover)
	}
	f.handled(f.asked, f.ask(), time.Minute)
}

// verify that everything ended, once.
func (f *failover) verify(rounds int) {
	f.t.Helper()
	f.eventually("all runs end", 5*time.Minute, func(context.Context) error {
		if !f.allEnded() {
			return errors.New("there are runs in progress")
		}
		return nil
	})
	(&killing{delivery: f.delivery}).verify()
	f.bundleIs(max(rounds-1, 0))
	f.see()
	times := map[string]int{}
	asked := 0
	for _, run := range f.reports {
		if times[run]++; run == "asked request at no time" {
			asked++
		}
	}
	for run, count := range times {
		if count > 1 && run != "asked request at no time" && run != "steady request at no time" {
			f.t.Errorf("%d reports of the run %s", count, run)
		}
	}
	if asked != f.requests {
		f.t.Errorf("%d reports of %d requested runs", asked, f.requests)
	}
	runs := &v1alpha1.PipelineRunList{}
	if err := f.client.List(f.t.Context(), runs, client.InNamespace(served)); err != nil {
		f.t.Fatal(err)
	}
	if len(runs.Items) != rounds {
		f.t.Errorf("%d runs of %d deliveries", len(runs.Items), rounds)
	}
	f.t.Logf("%d reports, one for each run; %d runs for as many deliveries, each sent to all replicas", len(f.reports), len(runs.Items))
}

// bundleIs waits until the bundle is ready, and all of its version and nothing else is in the cluster and in its inventory.
func (f *failover) bundleIs(n int) {
	f.t.Helper()
	_, names := version(n)
	f.eventually("the bundle is ready", 2*time.Minute, func(ctx context.Context) error {
		b := &v1alpha1.ResourceBundle{}
		if err := f.client.Get(ctx, client.ObjectKey{Namespace: bundled, Name: "b"}, b); err != nil {
			return err
		}
		if b.Status.ObservedGeneration != b.Generation || !meta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Errorf("conditions %+v", b.Status.Conditions)
		}
		if owned, listed := f.ownedObjects(), f.listedObjects(); !slices.Equal(owned, names) || !slices.Equal(listed, names) {
			return fmt.Errorf("objects %v, inventory %v, want %v", owned, listed, names)
		}
		return nil
	})
}

// spread describes times.
func spread(times []time.Duration) string {
	sorted := slices.Sorted(slices.Values(times))
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
	return fmt.Sprintf("%s (fastest %s, slowest %s)", round(sorted[len(sorted)/2]), round(sorted[0]), round(sorted[len(sorted)-1]))
}
