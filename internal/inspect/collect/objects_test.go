package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	deployments = "/apis/apps/v1/deployments"
	argo        = "/apis/argoproj.io"
)

// seen is a visitor that notes what it was shown.
type seen struct {
	lists   []string
	objects []string
	// enough objects of one list; 0 for all.
	enough int
	// on is called before each object.
	on func()
}

func (s *seen) Begin(list List) {
	s.lists = append(s.lists, fmt.Sprintf("%d %s %s %s", list.Index, list.APIVersion, list.Kind, list.Namespace))
	s.objects = nil
}

func (s *seen) Object(_ context.Context, object map[string]any) bool {
	if s.on != nil {
		s.on()
	}
	metadata, _ := object["metadata"].(map[string]any)
	s.objects = append(s.objects, fmt.Sprintf("%s %s %s %T", object["apiVersion"], object["kind"], metadata["name"], object["count"]))
	return s.enough == 0 || len(s.objects) < s.enough
}

// discovery answers with the resources of a version, as name:Kind:namespaced.
func discovery(resources ...string) http.HandlerFunc {
	var list []map[string]any
	for _, r := range resources {
		part := strings.Split(r, ":")
		list = append(list,
			map[string]any{"name": part[0], "kind": part[1], "namespaced": part[2] == "true", "verbs": []string{"get", "list"}})
	}
	text, _ := json.Marshal(map[string]any{"kind": "APIResourceList", "resources": list})
	return body(http.StatusOK, "application/json", string(text))
}

// apiGroup answers with the versions of a group, the preferred one first.
func apiGroup(versions ...string) http.HandlerFunc {
	var list []map[string]any
	for _, v := range versions {
		list = append(list, map[string]any{"version": v})
	}
	text, _ := json.Marshal(map[string]any{"kind": "APIGroup", "versions": list, "preferredVersion": list[0]})
	return body(http.StatusOK, "application/json", string(text))
}

// objectPage answers with objects as the API server does: with no kind in them.
func (f *fakeAPI) objectPage(from, next string, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if query.Get("continue") != from || query.Get("limit") == "" || query.Has("resourceVersion") ||
			r.Header.Get("Accept") != "application/json" {
			f.t.Errorf("%s accepting %q, want to go on from %q", r.URL, r.Header.Get("Accept"), from)
		}
		items := []map[string]any{}
		for _, name := range names {
			items = append(items, map[string]any{"metadata": map[string]any{"name": name}, "count": 1})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"metadata": map[string]any{"continue": next}, "items": items})
	}
}

func TestObjectsAreVisitedListByList(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	expired := status(http.StatusGone, "Expired", "too old")
	outage := status(http.StatusServiceUnavailable, "ServiceUnavailable", "no etcd")
	apps := []http.HandlerFunc{discovery("deployments:Deployment:true")}
	wanted := Resource{Group: "apps", Version: "v1", Name: "deployments", Checks: []string{"custom-a"}}
	for name, tc := range map[string]struct {
		resource    Resource
		scope       Scope
		enough      int
		answers     map[string][]http.HandlerFunc
		lists       []string
		objects     []string
		gaps        []string
		remediation string
	}{
		"page after page": {
			resource: wanted,
			answers: map[string][]http.HandlerFunc{
				"/apis/apps/v1": apps, deployments: {fake.objectPage("", "2", "a"), fake.objectPage("2", "", "b")},
			},
			lists: []string{"0 apps/v1 Deployment "}, objects: []string{"apps/v1 Deployment a int64", "apps/v1 Deployment b int64"},
		},
		"no more than wanted": {
			resource: wanted, enough: 1,
			answers: map[string][]http.HandlerFunc{"/apis/apps/v1": apps, deployments: {fake.objectPage("", "2", "a", "b")}},
			lists:   []string{"0 apps/v1 Deployment "}, objects: []string{"apps/v1 Deployment a int64"},
		},
		"expired, and restarted": {
			resource: wanted,
			answers: map[string][]http.HandlerFunc{
				"/apis/apps/v1": apps, deployments: {fake.objectPage("", "2", "gone"), expired, fake.objectPage("", "", "a")},
			},
			lists: []string{"0 apps/v1 Deployment ", "0 apps/v1 Deployment "}, objects: []string{"apps/v1 Deployment a int64"},
		},
		"down after the first page": {
			resource: wanted,
			answers:  map[string][]http.HandlerFunc{"/apis/apps/v1": apps, deployments: {fake.objectPage("", "2", "a"), outage}},
			lists:    []string{"0 apps/v1 Deployment "}, objects: []string{"apps/v1 Deployment a int64"},
			gaps: []string{"Incomplete, deployments.apps: Only part of deployments.apps was read (503 ServiceUnavailable)."},
		},
		"of the core group, in the namespaces of the scope": {
			resource: Resource{Name: "pods"}, scope: Scope{Namespaces: []string{"shop", "play"}},
			answers: map[string][]http.HandlerFunc{
				"/api/v1": {discovery("pods:Pod:true")}, "/api/v1/namespaces/shop/pods": {fake.objectPage("", "", "a")},
				"/api/v1/namespaces/play/pods": {fake.objectPage("", "", "b")},
			},
			lists: []string{"0 v1 Pod shop", "0 v1 Pod play"}, objects: []string{"v1 Pod b int64"},
		},
		"without a namespace, where namespaces are inspected": {
			resource: Resource{Name: "nodes"}, scope: Scope{Namespaces: []string{"shop"}},
			answers: map[string][]http.HandlerFunc{"/api/v1": {discovery("nodes:Node:false")}},
		},
		"at the version that the cluster prefers": {
			resource: Resource{Group: "argoproj.io", Name: "applications"},
			answers: map[string][]http.HandlerFunc{
				argo: {apiGroup("v2", "v1")}, argo + "/v2": {discovery("other:Other:true")}, argo + "/v1": {discovery("applications:Application:true")},
				argo + "/v1/applications": {fake.objectPage("", "", "a")},
			},
			lists: []string{"0 argoproj.io/v1 Application "}, objects: []string{"argoproj.io/v1 Application a int64"},
		},
		"a group that is not served": {
			resource: Resource{Group: "argoproj.io", Name: "applications", Checks: []string{"custom-a"}},
			answers:  map[string][]http.HandlerFunc{argo: {status(http.StatusNotFound, "NotFound", "")}},
			gaps:     []string{"NotServed, applications.argoproj.io: The cluster does not serve applications.argoproj.io."},
		},
		"a resource that the version has not": {
			resource: Resource{Group: "apps", Version: "v1", Name: "deploymints", Checks: []string{"custom-a"}},
			answers:  map[string][]http.HandlerFunc{"/apis/apps/v1": apps},
			gaps:     []string{"NotServed, deploymints.apps: The cluster does not serve deploymints.apps."},
		},
		"forbidden": {
			resource: wanted,
			answers: map[string][]http.HandlerFunc{
				"/apis/apps/v1": apps, deployments: {forbidden("system:serviceaccount:shop:kubeops", "deployments")},
			},
			gaps: []string{"Forbidden, deployments.apps: system:serviceaccount:shop:kubeops cannot list deployments.apps (RBAC)."},
			remediation: "Grant it: `kubectl create clusterrole kubeops-list-deployments.apps --verb=list --resource=deployments.apps --dry-run=client -o yaml | kubectl auth reconcile -f - && kubectl create clusterrolebinding " +
				"kubeops-list-deployments.apps-shop-kubeops --clusterrole=kubeops-list-deployments.apps --serviceaccount=shop:kubeops --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
		},
		"forbidden but at home": {
			resource: wanted, scope: Scope{Home: "shop"},
			answers: map[string][]http.HandlerFunc{
				"/apis/apps/v1": apps, deployments: {forbidden("jane", "deployments")},
				"/apis/apps/v1/namespaces/shop/deployments": {fake.objectPage("", "", "a")},
			},
			lists: []string{"0 apps/v1 Deployment shop"}, objects: []string{"apps/v1 Deployment a int64"},
			gaps: []string{
				"Incomplete, deployments.apps: jane cannot list deployments.apps in all namespaces (RBAC). Only namespace shop was read.",
			},
		},
		"things that are no objects": {
			resource: wanted,
			answers: map[string][]http.HandlerFunc{
				"/apis/apps/v1": apps, deployments: {
					body(http.StatusOK, "application/json", `{"items":[null,1,"x",[],{"metadata":{"name":"a"},"count":9223372036854775808}]}`),
				},
			},
			lists: []string{"0 apps/v1 Deployment "}, objects: []string{"apps/v1 Deployment a float64"},
		},
		"nonsense": {
			resource: wanted, answers: map[string][]http.HandlerFunc{
				"/apis/apps/v1": apps, deployments: {body(http.StatusOK, "text/html", "<html>")},
			},
			gaps: []string{"Unavailable, deployments.apps: Listing deployments.apps failed (unreadable response)."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, source := serve(t, tc.answers)
			visitor := &seen{enough: tc.enough}
			got, err := Objects(t.Context(), source, tc.scope, []Resource{tc.resource}, visitor)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.lists, visitor.lists); diff != "" {
				t.Errorf("lists (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.objects, visitor.objects); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.gaps, gapTexts(got)); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			for _, gap := range got {
				if diff := cmp.Diff([]string{"custom-a"}, gap.Checks); diff != "" {
					t.Errorf("checks: %s", diff)
				}
				if tc.remediation != "" && string(gap.Remediation) != tc.remediation {
					t.Errorf("remediation %q", gap.Remediation)
				}
			}
		})
	}
}

func TestOversizedListsOfObjectsAreReadInSmallerPages(t *testing.T) {
	var limits []string
	_, source := serve(t, map[string][]http.HandlerFunc{
		"/api/v1": {discovery("pods:Pod:true")},
		pods: {func(w http.ResponseWriter, r *http.Request) {
			limits = append(limits, r.URL.Query().Get("limit"))
			if len(limits) == 1 {
				_, _ = fmt.Fprint(w, `{"items":[`+strings.Repeat(`"`+strings.Repeat("x", 1<<20)+`",`, maxResponse>>20)+`{}]}`)
				return
			}
			_, _ = fmt.Fprint(w, `{"items":[{"metadata":{"name":"a"}}]}`)
		}},
	})
	visitor := &seen{}
	gaps, err := Objects(t.Context(), source, Scope{}, []Resource{{Name: "pods"}}, visitor)
	if err != nil || gaps != nil || len(visitor.objects) != 1 {
		t.Errorf("got %v, %v, %v", visitor.objects, gaps, err)
	}
	if diff := cmp.Diff([]string{"500", "62"}, limits); diff != "" {
		t.Error(diff)
	}
}

func TestADeadlineThatPassesInTheVisitorIsAGap(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	_, source := serve(t,
		map[string][]http.HandlerFunc{"/api/v1": {discovery("pods:Pod:true")}, pods: {fake.objectPage("", "", "a", "b", "c")}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	gaps, err := Objects(ctx, source, Scope{}, []Resource{{Name: "pods", Checks: []string{"custom-a"}}},
		&seen{on: func() { <-ctx.Done() }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Incomplete, pods: Only part of pods was read (timed out)."}
	if diff := cmp.Diff(want, gapTexts(gaps)); diff != "" {
		t.Error(diff)
	}
}

func TestObjectsEndsWhenTheRunIsCancelled(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	ctx, cancel := context.WithCancel(t.Context())
	_, source := serve(t,
		map[string][]http.HandlerFunc{"/api/v1": {discovery("pods:Pod:true")}, pods: {fake.objectPage("", "2", "a", "b")}})
	visitor := &seen{on: cancel}
	if _, err := Objects(ctx, source, Scope{}, []Resource{{Name: "pods"}}, visitor); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLabelsOfNamespacesThatCannotBeReadAreLeftOut(t *testing.T) {
	_, source := serve(t, map[string][]http.HandlerFunc{
		"/api/v1/namespaces/shop": {body(http.StatusOK, "application/json", `{"metadata":{"labels":{"env":"production"}}}`)},
		"/api/v1/namespaces/bare": {body(http.StatusOK, "application/json", `{"metadata":{}}`)},
		"/api/v1/namespaces/mine": {forbidden("jane", "namespaces")},
	})
	got := NamespaceLabels(t.Context(), source, []string{"shop", "bare", "mine"})
	want := map[string]map[string]string{"shop": {"env": "production"}, "bare": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAnAccountIsNotUsedForPathsThatTheManagerCannotRead lists as a ServiceAccount. An unexpected request fails the test.
func TestAnAccountIsNotUsedForPathsThatTheManagerCannotRead(t *testing.T) {
	const aggregated = `{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1","resources":[` +
		`{"resource":"deployments","responseKind":{"kind":"Deployment"},"scope":"Namespaced","verbs":["get","list"]}]}]}]}`
	var fake fakeAPI
	fake.t = t
	wanted := Resource{Group: "apps", Version: "v1", Name: "deployments"}
	for name, answers := range map[string]map[string][]http.HandlerFunc{
		"aggregated discovery": {
			"/apis": {body(http.StatusOK, "application/json", aggregated)}, deployments: {fake.objectPage("", "", "a")},
		},
		"a server without it": {
			"/apis":         {body(http.StatusOK, "application/json", `{"kind":"APIGroupList","groups":[{"name":"apps"}]}`)},
			"/apis/apps/v1": {discovery("deployments:Deployment:true")}, deployments: {fake.objectPage("", "", "a")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, source := serve(t, answers)
			source.Config.Impersonate.UserName = "system:serviceaccount:team:kubeops"
			visitor := &seen{}
			gaps, err := Objects(t.Context(), source, Scope{}, []Resource{wanted}, visitor)
			if err != nil || len(gaps) > 0 {
				t.Errorf("error %v, gaps %+v", err, gaps)
			}
			if diff := cmp.Diff([]string{"apps/v1 Deployment a int64"}, visitor.objects); diff != "" {
				t.Error(diff)
			}
		})
	}
}
