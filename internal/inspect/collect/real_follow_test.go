package collect

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// followed are objects of which a watch must give the same nodes as a list. Other kinds have objects on each API server.
func (s realServer) makeFollowed(t *testing.T) {
	t.Helper()
	s.makeNamespace(t, "followed")
	client := s.admin(t)
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}},
	}
	meta := metav1.ObjectMeta{Name: "web"}
	for i := range 3 {
		one := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("web-", i), Labels: template.Labels}, Spec: template.Spec}
		if _, err := client.CoreV1().Pods("followed").Create(t.Context(), &one, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	deployment := appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
	}}
	service := corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	warning := corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "web.1"}, Type: corev1.EventTypeWarning, Reason: "Failed",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "followed", Name: "web-0"},
	}
	normal := warning
	normal.Name = "web.2"
	normal.Type = corev1.EventTypeNormal
	_, err := client.AppsV1().Deployments("followed").Create(t.Context(), &deployment, metav1.CreateOptions{})
	_, serviceErr := client.CoreV1().Services("followed").Create(t.Context(), &service, metav1.CreateOptions{})
	_, warningErr := client.CoreV1().Events("followed").Create(t.Context(), &warning, metav1.CreateOptions{})
	_, normalErr := client.CoreV1().Events("followed").Create(t.Context(), &normal, metav1.CreateOptions{})
	if err := errors.Join(err, serviceErr, warningErr, normalErr); err != nil {
		t.Fatal(err)
	}
}

// listsAndWatchesAlike reads each kind by a list, and by a watch that begins with all objects.
func (s realServer) listsAndWatchesAlike(t *testing.T) {
	s.makeFollowed(t)
	follower, err := Follow(Source{Cluster: "real", Config: s.config}, Scope{}, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := follower.Plan(t.Context(), append(facts.Kinds(), facts.Custom))
	if err != nil || len(plan.Failures) > 0 || plan.Version == "" {
		t.Fatalf("%+v: %v", plan, err)
	}
	seen := map[facts.Kind]bool{}
	for _, stream := range plan.Streams {
		listed := map[string]Object{}
		version, err := stream.List(t.Context(), func(objects []Object) bool {
			for _, o := range objects {
				listed[o.Namespace+"/"+o.Name] = o
			}
			return true
		}, func() { clear(listed) })
		if err != nil || version == "" {
			t.Fatalf("%s: version %q: %v", stream.Kind(), version, err)
		}
		seen[stream.Kind()] = len(listed) > 0
		watched := stream.watchAll(t, len(listed))
		if diff := cmp.Diff(listed, watched, cmpopts.EquateEmpty(), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("%s: %s", stream.Kind(), diff)
		}
	}
	for _, kind := range []facts.Kind{
		facts.Pod, facts.Deployment, facts.Service, facts.Event, facts.Namespace, facts.CRD, facts.APIService, facts.ClusterRole,
	} {
		if !seen[kind] {
			t.Errorf("no %s was listed", kind)
		}
	}
}

// watchAll returns the objects with which a watch begins.
func (s *Stream) watchAll(t *testing.T, count int) map[string]Object {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	watched := map[string]Object{}
	if count == 0 {
		return watched
	}
	connected := false
	err := s.Watch(ctx, "0", func() { connected = true }, func(e Event) bool {
		if e.Type == watch.Bookmark {
			return true
		}
		watched[e.Object.Namespace+"/"+e.Object.Name] = e.Object
		if len(watched) == count {
			cancel()
		}
		return true
	})
	if !connected || len(watched) != count {
		t.Errorf("%s: connected %v, %d of %d objects: %v", s.Kind(), connected, len(watched), count, err)
	}
	return watched
}
