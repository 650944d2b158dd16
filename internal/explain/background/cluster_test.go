package background_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/explain/background"
)

// open is a cluster behind a server that answers as an API server does.
func open(t *testing.T, asked *[]*http.Request) background.Cluster {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r)
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/version":
			fmt.Fprint(w, `{"gitVersion":"v1.37.2"}`)
		case "/api/v1/namespaces/shop/pods/cart":
			fmt.Fprint(w, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart","namespace":"shop"}}`)
		case "/api/v1/namespaces/shop/pods/cart/log":
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, strings.Repeat("line\n", 100_000)) // more than was requested
		case "/api/v1/namespaces/shop/secrets":
			fmt.Fprint(w, `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadataList","items":[{"metadata":{"name":"db"}}]}`)
		case "/api/v1/namespaces/shop/services":
			fmt.Fprintf(w, `{"apiVersion":"v1","kind":"ServiceList","items":[{"metadata":{"name":"%s"}}]}`, strings.Repeat("x", background.MaxResponse))
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"Forbidden","code":403}`)
		}
	}))
	t.Cleanup(server.Close)
	cluster, err := background.Open(&rest.Config{Host: server.URL, Impersonate: rest.ImpersonationConfig{UserName: "system:serviceaccount:shop:kubeops"}})
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

func TestRequestsAreThoseOfTheAccountAndBounded(t *testing.T) {
	var asked []*http.Request
	cluster := open(t, &asked)
	if version, err := cluster.Version(t.Context()); err != nil || version != "v1.37.2" {
		t.Errorf("got version %q, %v", version, err)
	}
	pod := &corev1.Pod{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "cart"}, pod); err != nil || pod.Name != "cart" {
		t.Errorf("got Pod %q, %v", pod.Name, err)
	}
	part := background.LogPart{Namespace: "shop", Pod: "cart", Container: "app", Previous: true, Tail: 60, Bytes: 1000}
	if log, err := cluster.Log(t.Context(), part); err != nil || len(log) != 1000 {
		t.Errorf("got a log of %d bytes, %v", len(log), err)
	}
	if query := asked[2].URL.Query(); query.Get("tailLines") != "60" || query.Get("limitBytes") != "1000" || query.Get("previous") != "true" {
		t.Errorf("got query %v", query)
	}
	err := cluster.List(t.Context(), &corev1.ServiceList{}, client.InNamespace("shop"))
	if err == nil || !strings.Contains(err.Error(), "exceeds") {
		t.Errorf("a response of more than %d bytes was read: %v", background.MaxResponse, err)
	}
	for _, r := range asked {
		if r.Header.Get("Impersonate-User") != "system:serviceaccount:shop:kubeops" || r.Method != http.MethodGet {
			t.Errorf("%s %s as %q", r.Method, r.URL, r.Header.Get("Impersonate-User"))
		}
	}
}

func TestOnlyTheMetadataOfSecretsIsRequested(t *testing.T) {
	var asked []*http.Request
	cluster := open(t, &asked)
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	err := cluster.List(t.Context(), list, client.InNamespace("shop"), client.MatchingFields{"metadata.name": "db"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("got %v, %v", list.Items, err)
	}
	if accept := asked[0].Header.Get("Accept"); !strings.Contains(accept, "as=PartialObjectMetadataList") {
		t.Errorf("accepts %s", accept)
	}
	if selector := asked[0].URL.Query().Get("fieldSelector"); selector != "metadata.name=db" {
		t.Errorf("selects %q", selector)
	}
}
