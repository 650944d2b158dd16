package dashboard

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// marks are texts of the two namespaces, which are in names and messages of all their objects.
func marks() map[string][]string {
	return map[string][]string{"shop": {"cart", `"shop"`, "payment"}, "lab": {"microscope", `"lab"`, "laser"}}
}

// operations are the paths of every operation, with the objects of a namespace.
func operations(t *testing.T, namespace string) map[string]string {
	t.Helper()
	var description struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(document(t), &description); err != nil {
		t.Fatal(err)
	}
	mark := marks()[namespace][0]
	objects := map[string]string{
		"inspections": map[string]string{"shop": "everything", "lab": "lab-everything"}[namespace], "runs": mark + "-release-41", "bundles": mark + "-base",
	}
	objects["reports"] = objects["inspections"] + "-r2"
	objects["pods"] = mark + "-1"
	objects["logbackends"] = map[string]string{"shop": "loki", "lab": "lab-loki"}[namespace]
	objects["metricsbackends"] = map[string]string{"shop": "prom", "lab": "lab-prom"}[namespace]
	objects["configmaps"] = mark + "-config"
	objects["priorityclasses.scheduling.k8s.io"] = "system-node-critical"
	paths := map[string]string{}
	for path, methods := range description.Paths {
		for method, operation := range methods {
			if method != "get" {
				t.Errorf("operation %s of %s is not a GET", operation.OperationID, path)
			}
			kind := "configmaps"
			if operation.OperationID == "getClusterObject" {
				kind = "priorityclasses.scheduling.k8s.io"
			}
			path = strings.Replace(path, "{resource}", kind, 1)
			segments := strings.Split(path, "/")
			name := ""
			if at := slices.Index(segments, "{name}"); at > 0 {
				name = objects[segments[at-1]]
			}
			paths[operation.OperationID] = strings.NewReplacer("{namespace}", namespace, "{name}", name).Replace(path)
		}
	}
	return paths
}

func TestEveryOperationShowsAViewerOnlyWhatRBACAllows(t *testing.T) {
	w := newWorld(t)
	sees := map[string][]string{"ada": {"shop"}, "sam": {"lab"}, "olga": {"shop", "lab"}, "nemo": nil}
	for user, namespaces := range sees {
		for _, namespace := range []string{"shop", "lab"} {
			allowed := slices.Contains(namespaces, namespace)
			for id, path := range operations(t, namespace) {
				answer := w.get(t, user, path)
				missing := strings.Contains(path, "/namespaces/") && !allowed
				if want := map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[missing]; answer.status != want {
					t.Errorf("%s as %s in %s: status %d, want %d: %s", id, user, namespace, answer.status, want, answer.body)
				}
				if strings.Contains(answer.body, ":null") {
					t.Errorf("%s as %s has a null: %s", id, user, answer.body)
				}
				for other, texts := range marks() {
					for _, text := range texts {
						if !slices.Contains(namespaces, other) && strings.Contains(answer.body, text) && !strings.Contains(path, "/namespaces/"+other) {
							t.Errorf("%s as %s shows %s of namespace %s", id, user, text, other)
						}
					}
				}
			}
		}
	}
	for user, namespaces := range sees { // what is allowed is there
		for _, namespace := range namespaces {
			about := `"` + namespace + `"`
			for id, mark := range map[string]string{
				"getOverview": marks()[namespace][0], "listInspections": about, "getLatestReport": marks()[namespace][0], "getReport": about,
				"listBackends": about, "listChannels": about, "listClusters": about, "listPipelines": about, "listRuns": about, "getRun": about,
				"listBundles": about, "getBundle": about, "listKinds": `"configmaps"`, "listRows": about, "getObject": about,
				"getStoredLines": marks()[namespace][0] + " started", "getUsage": marks()[namespace][0] + "-1", "getSchema": `"ConfigMap"`,
			} {
				if answer := w.get(t, user, operations(t, namespace)[id]); !strings.Contains(answer.body, mark) {
					t.Errorf("%s as %s lacks %s: %s", id, user, mark, answer.body)
				}
			}
		}
	}
}

func TestForbiddenAndMissingAnswerAlike(t *testing.T) {
	w := newWorld(t)
	body := func(path string) string {
		answer := w.get(t, "ada", path)
		var problem map[string]any
		if err := json.Unmarshal([]byte(answer.body), &problem); err != nil {
			t.Fatalf("%s: %v: %s", path, err, answer.body)
		}
		if answer.header.Get("Content-Type") != "application/problem+json" || problem["instance"] != "urn:kubeops:request:"+answer.header.Get("X-Request-Id") {
			t.Errorf("%s: %v %v", path, answer.header, problem)
		}
		delete(problem, "instance")
		rest, _ := json.Marshal(problem)
		return string(rest)
	}
	forbidden := body("/api/v1/namespaces/lab/reports/lab-everything-r2")
	for _, path := range []string{
		"/api/v1/namespaces/shop/reports/none", "/api/v1/namespaces/none/reports/none", "/api/v1/namespaces/lab/inspections/lab-everything/report",
		"/api/v1/namespaces/shop/inspections/none/report", "/api/v1/namespaces/lab/runs/microscope-release-41", "/api/v1/namespaces/shop/runs/none",
		"/api/v1/namespaces/lab/bundles/microscope-base", "/api/v1/namespaces/shop/bundles/none",
		"/api/v1/namespaces/lab/explorer/configmaps/microscope-config", "/api/v1/namespaces/shop/explorer/configmaps/none",
		"/api/v1/namespaces/shop/explorer/nones/none", "/api/v1/namespaces/shop/explorer/nodes/none", "/api/v1/explorer/nodes/none",
		"/api/v1/explorer/configmaps/cart-config", "/api/v1/namespaces/shop/explorer/configmaps/...",
		"/api/v1/namespaces/lab/pods/microscope-1/log", "/api/v1/namespaces/shop/pods/none/log",
	} {
		if got := body(path); got != forbidden {
			t.Errorf("%s: %s differs from a forbidden report: %s", path, got, forbidden)
		}
	}
	for _, path := range []string{"/api/v1/inspections?namespace=lab", "/api/v1/inspections?namespace=none", "/api/v1/clusters?namespace=lab"} {
		answer := w.get(t, "ada", path)
		if answer.status != http.StatusOK || !strings.Contains(answer.body, `"items":[],`) || !strings.Contains(answer.body, `"total":0`) {
			t.Errorf("%s: %d %s", path, answer.status, answer.body)
		}
	}
}

// TestTheTokenOfTheDashboardOnlyReads makes requests that the code of the dashboard never makes.
func TestTheTokenOfTheDashboardOnlyReads(t *testing.T) {
	w := newWorld(t)
	w.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "power"}, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "power", APIGroup: rbacv1.GroupName}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	})
	for name, tc := range map[string]struct {
		as           rest.ImpersonationConfig
		method, path string
		allowed      bool
	}{
		"reads an Inspection as a user":        {rest.ImpersonationConfig{UserName: "power"}, "GET", "/apis/kubeops.io/v1alpha1/namespaces/shop/inspections/everything", true},
		"deletes an Inspection as a user":      {rest.ImpersonationConfig{UserName: "power"}, "DELETE", "/apis/kubeops.io/v1alpha1/namespaces/shop/inspections/everything", false},
		"creates a Pod as a user":              {rest.ImpersonationConfig{UserName: "power"}, "POST", "/api/v1/namespaces/shop/pods", false},
		"reads Secrets as a user":              {rest.ImpersonationConfig{UserName: "power"}, "GET", "/api/v1/namespaces/shop/secrets", false},
		"runs a command in a Pod as a user":    {rest.ImpersonationConfig{UserName: "power"}, "GET", "/api/v1/namespaces/shop/pods/p/exec?command=id", false},
		"attaches to a Pod as a user":          {rest.ImpersonationConfig{UserName: "power"}, "GET", "/api/v1/namespaces/shop/pods/p/attach", false},
		"forwards a port as a user":            {rest.ImpersonationConfig{UserName: "power"}, "GET", "/api/v1/namespaces/shop/pods/p/portforward", false},
		"uses the proxy of a Service":          {rest.ImpersonationConfig{UserName: "power"}, "GET", "/api/v1/namespaces/shop/services/s/proxy/", false},
		"reads as system:masters":              {rest.ImpersonationConfig{UserName: "x", Groups: []string{"system:masters"}}, "GET", "/api/v1/secrets", false},
		"reads as a node":                      {rest.ImpersonationConfig{UserName: "system:node:n"}, "GET", "/api/v1/secrets", false},
		"reads Secrets as itself":              {rest.ImpersonationConfig{}, "GET", "/api/v1/secrets", false},
		"reads reports as itself":              {rest.ImpersonationConfig{}, "GET", "/apis/kubeops.io/v1alpha1/inspectionreports", false},
		"deletes an Inspection as itself":      {rest.ImpersonationConfig{}, "DELETE", "/apis/kubeops.io/v1alpha1/namespaces/shop/inspections/everything", false},
		"reads a report as a user without any": {rest.ImpersonationConfig{UserName: "nemo"}, "GET", "/apis/kubeops.io/v1alpha1/namespaces/shop/inspectionreports/everything-r2", false},
	} {
		t.Run(name, func(t *testing.T) {
			config := rest.CopyConfig(w.dashboard)
			config.Impersonate = tc.as
			requests, err := kubernetes.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			path, query, _ := strings.Cut(tc.path, "?")
			request := requests.CoreV1().RESTClient().Verb(tc.method).AbsPath(path).Body(bytes.NewBufferString("{}"))
			if name, value, ok := strings.Cut(query, "="); ok {
				request = request.Param(name, value)
			}
			err = request.Do(t.Context()).Error()
			if tc.allowed != (err == nil) || !tc.allowed && !apierrors.IsForbidden(err) {
				t.Errorf("got %v, want allowed %v", err, tc.allowed)
			}
		})
	}
}

func TestTheTransportRefusesWhatCouldWrite(t *testing.T) {
	w := newWorld(t)
	c, err := newCluster(w.admin)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := c.resources(Viewer{Own: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		err := resources.Verb(verb).Namespace("shop").Resource(inspections).Name("everything").Do(t.Context()).Error()
		if err == nil || !strings.Contains(err.Error(), "the dashboard only reads") {
			t.Errorf("%s: %v", verb, err)
		}
	}
	found := &v1alpha1.Inspection{}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "everything"}, found); err != nil {
		t.Errorf("the Inspection is gone: %v", err)
	}
}

func TestReservedNamesAreNeverActedAs(t *testing.T) {
	const account = "system:serviceaccount:shop:kubeops"
	for name, tc := range map[string]struct {
		viewer  Viewer
		refused string
		groups  int
	}{
		"a person":                     {Viewer{User: "ada", Groups: []string{"team", "system:authenticated"}}, "", 1},
		"no name":                      {Viewer{}, "no user name", 0},
		"anonymous":                    {Viewer{User: "system:anonymous"}, "reserved", 0},
		"a node":                       {Viewer{User: "system:node:n"}, "reserved", 0},
		"an administrator":             {Viewer{User: "ada", Groups: []string{"system:masters"}}, "system:masters", 0},
		"a person in accounts":         {Viewer{User: "ada", Groups: []string{"system:serviceaccounts"}}, "reserved", 0},
		"an account":                   {Viewer{User: account, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"}}, "", 0},
		"an account of another's":      {Viewer{User: account, Groups: []string{"system:serviceaccounts:lab"}}, "system:serviceaccounts:lab", 0},
		"an account and administrator": {Viewer{User: account, Groups: []string{"system:masters"}}, "system:masters", 0},
		"an account without a name":    {Viewer{User: "system:serviceaccount:shop:"}, "reserved", 0},
	} {
		got := tc.viewer.refusal()
		if (got == "") != (tc.refused == "") || !strings.Contains(got, tc.refused) {
			t.Errorf("%s: %q, want %q", name, got, tc.refused)
		}
		if tc.refused == "" && len(tc.viewer.impersonation().Groups) != tc.groups {
			t.Errorf("%s: impersonates groups %q", name, tc.viewer.impersonation().Groups)
		}
	}
}
