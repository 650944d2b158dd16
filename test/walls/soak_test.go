package walls

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// soakInspections, each of which runs every soakInterval: 20 runs in a minute.
	soakInspections = 10
	soakInterval    = 30 * time.Second
	soakReports     = 5
	// soakSamples of each quantity.
	soakSamples = 60
	// maxIdleMemory of an idle manager in bytes: resident, with the pages of its program.
	maxIdleMemory = 120 << 20
	// maxIdleCPU of one core.
	maxIdleCPU = 0.01
	// idlePeriod in which it is measured.
	idlePeriod = time.Minute
	// maxStart is the time from the start of the process until it is ready.
	maxStart = 5 * time.Second
)

// TestSoak runs 20 inspections in a minute for 30 minutes, or SOAK. The memory and goroutines of the manager, the watches that the API server
// serves, and the objects that it stores do not grow from the middle third of the time to the last one.
func TestSoak(t *testing.T) {
	period := 30 * time.Minute
	if value := os.Getenv("SOAK"); value != "" {
		var err error
		if period, err = time.ParseDuration(value); err != nil {
			t.Fatal(err)
		}
	}
	// Reports are created until retention deletes as many, which is to happen in the first third.
	if least := 3 * soakReports * soakInterval; period < least {
		t.Fatalf("SOAK=%s is too short: at least %s", period, least)
	}
	c := newCluster(t)
	c.settings = "limits: {minScheduleInterval: 1s}\n"
	for n := range soakInspections {
		c.newSoaked(fmt.Sprint("soak-", n))
	}
	m := c.startManager()
	all := c.soak(m, period)
	m.alive()
	runs := m.sum("kubeops_inspection_runs_total{")
	t.Logf("%.0f runs in %s", runs, period)
	if want := soakInspections * period.Seconds() / soakInterval.Seconds(); runs < 0.9*want {
		t.Errorf("want %.0f runs", want)
	}
	for _, s := range all {
		t.Log(s)
		if s.trend().grows() {
			t.Errorf("%s grows", s.name)
		}
	}
	c.soaked(period)
}

// newSoaked is a namespace with an Inspection that finds something.
func (c *cluster) newSoaked(namespace string) {
	c.t.Helper()
	c.newTenant(namespace)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	for n := range 20 {
		c.create(&corev1.Service{ObjectMeta: in(fmt.Sprint("lost-", n)), Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "none"}, Ports: []corev1.ServicePort{{Port: 80}},
		}})
	}
	c.create(&v1alpha1.Inspection{ObjectMeta: in("all"), Spec: v1alpha1.InspectionSpec{
		Namespaces: []string{namespace}, Schedule: "@every " + soakInterval.String(), KeepReports: soakReports,
	}})
}

// soak samples for a period. Memory is the lowest of a few looks, since garbage is no growth.
func (c *cluster) soak(m *manager, period time.Duration) []*series {
	c.t.Helper()
	heap := &series{name: "heap of the manager in MiB", scale: 1 << 20}
	resident := &series{name: "resident memory of the manager in MiB", scale: 1 << 20}
	goroutines := &series{name: "goroutines"}
	files := &series{name: "open files"}
	watches := &series{name: "watches at the API server"}
	stored := &series{name: "stored objects without events"}
	objects := c.newObjectCounter()
	const looks = 5
	for range soakSamples {
		var lowest [2]float64
		for look := range looks {
			pause(c.t.Context(), period/soakSamples/looks)
			for i, name := range []string{"go_memstats_heap_alloc_bytes ", "process_resident_memory_bytes "} {
				if value := m.gauge(name); look == 0 || value < lowest[i] {
					lowest[i] = value
				}
			}
		}
		heap.values = append(heap.values, lowest[0])
		resident.values = append(resident.values, lowest[1])
		goroutines.values = append(goroutines.values, m.gauge("go_goroutines "))
		files.values = append(files.values, m.gauge("process_open_fds "))
		watches.values = append(watches.values, c.watches())
		stored.values = append(stored.values, objects())
	}
	return []*series{heap, resident, goroutines, files, watches, stored}
}

// soaked checks that the Inspections ran as often as they should, and kept what they should.
func (c *cluster) soaked(period time.Duration) {
	c.t.Helper()
	for n := range soakInspections {
		key := client.ObjectKey{Namespace: fmt.Sprint("soak-", n), Name: "all"}
		inspection := &v1alpha1.Inspection{}
		if err := c.client.Get(c.t.Context(), key, inspection); err != nil {
			c.t.Fatal(err)
		}
		if at := inspection.Status.LastRunTime; at == nil || time.Since(at.Time) > 2*soakInterval {
			c.t.Errorf("the last run of %s was at %v", key, at)
		}
		reports := &v1alpha1.InspectionReportList{}
		if err := c.client.List(c.t.Context(), reports, client.InNamespace(key.Namespace)); err != nil {
			c.t.Fatal(err)
		}
		if len(reports.Items) > soakReports || period > soakReports*soakInterval+time.Minute && len(reports.Items) < soakReports {
			c.t.Errorf("%d reports of %s, which keeps %d", len(reports.Items), key, soakReports)
		}
	}
}

// gauge is the value of a metric without labels.
func (m *manager) gauge(name string) float64 {
	m.t.Helper()
	value, err := strconv.ParseFloat(lastField(m.metric(name)), 64)
	if err != nil {
		m.t.Fatalf("metric %s: %v", name, err)
	}
	return value
}

// sum of all series of a metric.
func (m *manager) sum(prefix string) (sum float64) {
	m.t.Helper()
	for line := range strings.Lines(m.metric(prefix)) {
		value, err := strconv.ParseFloat(lastField(strings.TrimSpace(line)), 64)
		if err != nil {
			m.t.Fatalf("%s: %v", line, err)
		}
		sum += value
	}
	return sum
}

func lastField(line string) string { return line[strings.LastIndex(line, " ")+1:] }

// watches that the API server serves.
func (c *cluster) watches() (sum float64) {
	c.t.Helper()
	clients, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := clients.RESTClient().Get().AbsPath("/metrics").DoRaw(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "apiserver_longrunning_requests{") && strings.Contains(line, `verb="WATCH"`) {
			value, err := strconv.ParseFloat(lastField(strings.TrimSpace(line)), 64)
			if err != nil {
				c.t.Fatal(err)
			}
			sum += value
		}
	}
	return sum
}

// newObjectCounter returns a function that counts the objects of all kinds but events, which the API server deletes after an hour.
func (c *cluster) newObjectCounter() func() float64 {
	c.t.Helper()
	clients, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	objects, err := metadata.NewForConfig(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	lists, err := clients.ServerPreferredResources()
	if err != nil {
		c.t.Fatal(err)
	}
	var kinds []schema.GroupVersionResource
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "create"}}, lists) {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if resource.Name != "events" {
				kinds = append(kinds, group.WithResource(resource.Name))
			}
		}
	}
	return func() (sum float64) {
		for _, kind := range kinds {
			list, err := objects.Resource(kind).List(c.t.Context(), metav1.ListOptions{})
			if err != nil {
				c.t.Fatalf("list %s: %v", kind, err)
			}
			sum += float64(len(list.Items))
		}
		return sum
	}
}

// TestAnIdleManagerIsSmall starts a manager with all kinds: it is ready within 5 s, and then needs less than 120 MiB and 1 % of a core.
func TestAnIdleManagerIsSmall(t *testing.T) {
	c := newCluster(t)
	c.program = build(t)
	began := time.Now()
	m := c.startManager()
	started := time.Since(began)
	c.eventually("all controllers run", time.Minute, func(context.Context) error {
		if m.metric(`workqueue_adds_total{controller="pipelinerun"`) == "" {
			return errors.New("the manager waits for its Lease")
		}
		return nil
	})
	pause(t.Context(), 5*time.Second) // what a start costs is not idle
	before := m.gauge("process_cpu_seconds_total ")
	measured := time.Now()
	pause(t.Context(), idlePeriod)
	cpu := (m.gauge("process_cpu_seconds_total ") - before) / time.Since(measured).Seconds()
	resident := m.gauge("process_resident_memory_bytes ")
	t.Logf("ready after %s; idle: %.1f MiB resident, %d MiB of them private, %.2f %% of a core", started.Round(10*time.Millisecond),
		resident/(1<<20), m.wall.used().manager>>20, 100*cpu)
	if started > maxStart {
		t.Errorf("ready after %s, more than %s", started, maxStart)
	}
	if resident > maxIdleMemory {
		t.Errorf("%.0f bytes resident, more than %d", resident, maxIdleMemory)
	}
	if cpu > maxIdleCPU {
		t.Errorf("%.4f of a core, more than %.2f", cpu, maxIdleCPU)
	}
}
