package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRequestsAreCountedByWhatAnInspectionMayDo(t *testing.T) {
	for target, tc := range map[string]struct {
		method, want string
		allowed      bool
	}{
		"/api/v1/pods?limit=500":                         {http.MethodGet, listRequest, true},
		"/apis/apps/v1/deployments?continue=x":           {http.MethodGet, listRequest, true},
		"/api/v1/namespaces/shop/pods":                   {http.MethodGet, listRequest, true},
		"/api/v1/namespaces/shop/pods/a/log?container=b": {http.MethodGet, logRequest, true},
		"/apis":                          {http.MethodGet, discoveryRequest, true},
		"/version":                       {http.MethodGet, discoveryRequest, true},
		"/api/v1/namespaces/shop/pods/a": {http.MethodGet, "get", false},
		"/api/v1/namespaces/kube-system": {http.MethodGet, "get", false},
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {http.MethodPost, http.MethodPost, false},
	} {
		t.Run(tc.method+" "+target, func(t *testing.T) {
			got := verb(httptest.NewRequestWithContext(t.Context(), tc.method, target, http.NoBody))
			if got != tc.want {
				t.Errorf("counted as %s, want %s", got, tc.want)
			}
			if err := onlyLists(map[string]int{listRequest: 3, got: 1}); (err == nil) != tc.allowed {
				t.Errorf("allowed: %v, want %t", err, tc.allowed)
			}
		})
	}
}
