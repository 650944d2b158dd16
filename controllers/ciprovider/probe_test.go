package ciprovider

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/jenkins"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestAServerThatAcceptsTheCredentialsIsReady(t *testing.T) {
	w := newWorld(t)
	fake := jenkins.New(t)
	w.provider(fake.URL, jenkins.User, jenkins.Token)
	p, after := w.reconcile()
	if c := ready(p); c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonSucceeded || c.Message != "the server accepts user kubeops" ||
		after != time.Minute {
		t.Fatalf("Ready: %+v, next reconcile after %s", c, after)
	}
	s := p.Status
	if s.Version != "2.579" || s.User != jenkins.User || s.Latency == nil || *s.Queued != 0 || s.QuietingDown ||
		*s.Executors != (v1alpha1.ExecutorCounts{Total: 2}) || !slices.Equal(s.Capabilities, []string{"pipelines", "stages", "tests"}) {
		t.Errorf("status: %+v", s)
	}
	for _, line := range w.Table("ciproviders", false) {
		if len([]rune(line)) > tenant.Screen {
			t.Errorf("wider than a screen: %s", line)
		}
	}
	fake.Set(func(o *jenkins.Options) { o.QuietingDown = true })
	if p, _ = w.reconcile(); ready(p).Status != metav1.ConditionTrue || ready(p).Reason != v1alpha1.ReasonQuietingDown || !p.Status.QuietingDown {
		t.Errorf("Ready: %+v", ready(p))
	}
	fake.Close()
	if p, after = w.reconcile(); ready(p).Reason != v1alpha1.ReasonUnreachable || after > 8*time.Second || p.Status.User != "" ||
		p.Status.Version != "2.579" || p.Status.QuietingDown {
		t.Errorf("Ready: %+v, status %+v", ready(p), p.Status)
	}
	if calls, started := fake.Calls(); started != 0 || slices.ContainsFunc(calls, func(c string) bool { return !strings.HasPrefix(c, "GET ") }) {
		t.Errorf("a probe changed something: %q", calls)
	}
}

func TestWhyAServerIsNotReady(t *testing.T) {
	answer := func(status int, header, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, tc := range map[string]struct {
		token   string
		refuse  map[string]int
		handler http.HandlerFunc
		tls     bool
		change  func(*v1alpha1.CIProviderSpec)
		reason  string
	}{
		"a revoked token":  {token: "revoked-api-token", reason: v1alpha1.ReasonUnauthorized},
		"no Overall/Read":  {refuse: map[string]int{"/queue/api/json": http.StatusForbidden}, reason: v1alpha1.ReasonForbidden},
		"5xx":              {refuse: map[string]int{"/whoAmI/api/json": http.StatusBadGateway}, reason: v1alpha1.ReasonServerError},
		"an anonymous one": {handler: answer(200, "X-Jenkins", "2.1", `{"name":"anonymous","anonymous":true}`), reason: v1alpha1.ReasonAnonymous},
		"another server":   {handler: answer(200, "X-Other", "1", `{"name":"someone"}`), reason: v1alpha1.ReasonInvalidResponse},
		"a login page":     {handler: answer(200, "X-Other", "1", "<html>"), reason: v1alpha1.ReasonInvalidResponse},
		"a redirect":       {handler: answer(302, "Location", "http://login.example.com/", ""), reason: v1alpha1.ReasonRedirected},
		"another CA":       {handler: answer(200, "X-Jenkins", "2.1", "{}"), tls: true, reason: v1alpha1.ReasonTLSFailed},
		"no Secret":        {change: func(s *v1alpha1.CIProviderSpec) { s.Jenkins.SecretRef.Name = "other" }, reason: v1alpha1.ReasonSecretForbidden},
		"a denied address": {change: func(s *v1alpha1.CIProviderSpec) { s.Jenkins.URL = "http://169.254.169.254" }, reason: v1alpha1.ReasonEgressDenied},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fake := jenkins.New(t)
			url := fake.URL
			for path, status := range tc.refuse {
				fake.Refuse(path, status)
			}
			if tc.handler != nil {
				other := httptest.NewUnstartedServer(tc.handler)
				if tc.tls {
					other.StartTLS()
				} else {
					other.Start()
				}
				t.Cleanup(other.Close)
				url = other.URL
			}
			token := jenkins.Token
			if tc.token != "" {
				token = tc.token
			}
			if tc.change == nil {
				tc.change = func(*v1alpha1.CIProviderSpec) {}
			}
			w.provider(url, jenkins.User, token, tc.change)
			p, after := w.reconcile()
			c := ready(p)
			if c.Status != metav1.ConditionFalse || c.Reason != tc.reason || after < 0 || after > time.Minute {
				t.Errorf("Ready: %+v, next reconcile after %s", c, after)
			}
			if strings.Contains(c.Message, token) || strings.Contains(strings.Join(w.Told(), " "), token) {
				t.Error("the token is in a message")
			}
		})
	}
}

func TestSuspendedAsksNothing(t *testing.T) {
	w := newWorld(t)
	fake := jenkins.New(t)
	w.provider(fake.URL, jenkins.User, jenkins.Token, func(s *v1alpha1.CIProviderSpec) { s.Suspend = true })
	p, after := w.reconcile()
	if calls, _ := fake.Calls(); ready(p).Reason != v1alpha1.ReasonSuspended || after != 0 || len(calls) > 0 {
		t.Errorf("Ready: %+v, calls %q", ready(p), calls)
	}
}

func TestARealHudsonIsReady(t *testing.T) {
	url, process := servers.Hudson(t, nil)
	w := newWorld(t)
	w.provider(url, servers.HudsonUser, servers.HudsonPassword)
	if p, _ := w.reconcile(); ready(p).Status != metav1.ConditionTrue || p.Status.Version != "Hudson 3.3.2" || p.Status.User != servers.HudsonUser ||
		p.Status.Executors == nil || p.Status.Executors.Total != 2 {
		t.Errorf("Ready: %+v, status %+v", ready(p), p.Status)
	}
	other := newWorld(t)
	other.provider(url, servers.HudsonUser, "another-password")
	if p, _ := other.reconcile(); ready(p).Reason != v1alpha1.ReasonAnonymous { // Hudson answers wrong credentials as those of no one
		t.Errorf("Ready: %+v", ready(p))
	}
	process.Stop()
	if p, _ := w.reconcile(); ready(p).Reason != v1alpha1.ReasonUnreachable {
		t.Errorf("Ready: %+v", ready(p))
	}
}

func TestTheAPIRefusesWhatCannotBeMeant(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*v1alpha1.CIProviderSpec){
		"no server":            func(s *v1alpha1.CIProviderSpec) { s.Jenkins = nil },
		"another type":         func(s *v1alpha1.CIProviderSpec) { s.Type = "magic" },
		"no Secret":            func(s *v1alpha1.CIProviderSpec) { s.Jenkins.SecretRef.Name = "" },
		"credentials in a URL": func(s *v1alpha1.CIProviderSpec) { s.Jenkins.URL = "http://a:b@x/" },
		"another scheme":       func(s *v1alpha1.CIProviderSpec) { s.Jenkins.URL = "ftp://x" },
		"a long timeout":       func(s *v1alpha1.CIProviderSpec) { s.Timeout = &metav1.Duration{Duration: time.Hour} },
		"a short interval":     func(s *v1alpha1.CIProviderSpec) { s.Interval = &metav1.Duration{Duration: time.Second} },
		"no ServiceAccount":    func(s *v1alpha1.CIProviderSpec) { s.ServiceAccountName = "../x" },
	} {
		p := &v1alpha1.CIProvider{ObjectMeta: w.Meta("bad"), Spec: specFor("http://x")}
		change(&p.Spec)
		if err := w.Client.Create(t.Context(), p); !apierrors.IsInvalid(err) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	w.Create(&v1alpha1.CIProvider{ObjectMeta: w.Meta("good"), Spec: specFor("https://jenkins.example.com/ci")})
}
