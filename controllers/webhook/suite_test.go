package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/controllers/webhook"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(testsuite.Run(m, &realAPI))
}

// secret of the webhook.
const secret = "webhook-secret-0123"

// world is a namespace with Pipeline shop, whose trigger push receives deliveries of GitHub for the branch main.
type world struct {
	*tenant.Tenant
	t        *testing.T
	e        *environment.Environment
	registry *prometheus.Registry
	server   *httptest.Server
}

func newWorld(t *testing.T, change ...func(*v1alpha1.PipelineSpec)) *world {
	t.Helper()
	registry := prometheus.NewRegistry()
	w := &world{Tenant: tenant.New(t, realAPI), t: t, registry: registry}
	w.Account()
	w.Grant("hook")
	w.Secret("hook", "secret", secret)
	w.e = testsuite.NewEnvironment(t, w.Tenant, registry)
	spec := v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "commit"}, {Name: "by"}},
		Stages: []v1alpha1.PipelineStage{{Name: "wait", Type: v1alpha1.StageWait, Wait: &v1alpha1.WaitStage{
			Duration: &metav1.Duration{Duration: time.Second},
		}}},
		Triggers: []v1alpha1.PipelineTrigger{{
			Name: "push", Type: v1alpha1.TriggerWebhook,
			Webhook: &v1alpha1.WebhookTrigger{
				Source: v1alpha1.WebhookGitHub, SecretRef: v1alpha1.SecretKeyReference{Name: "hook", Key: "secret"}, Branches: []string{"main"},
			},
			Parameters: []v1alpha1.StageValue{
				{Name: "commit", Expression: "event.commit"}, {Name: "by", Expression: "string(event.payload.pusher.name)"},
			},
		}},
	}
	for _, f := range change {
		f(&spec)
	}
	w.Create(&v1alpha1.Pipeline{ObjectMeta: w.Meta("shop"), Spec: spec})
	w.server = httptest.NewServer(w.handler())
	t.Cleanup(w.server.Close)
	w.Eventually(func() error { // the API server has noticed the binding
		_, err := w.e.Backends.Secrets.For(w.Namespace, "").Text(t.Context(), v1alpha1.SecretKeyReference{Name: "hook", Key: "secret"}, "f")
		return err
	})
	return w
}

// handler is that of one more replica.
func (w *world) handler() *webhook.Handler {
	w.t.Helper()
	return w.handlerWith(expression.Local{})
}

func (w *world) handlerWith(expressions expression.Evaluator) *webhook.Handler {
	w.t.Helper()
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		w.t.Fatal(err)
	}
	return webhook.NewHandler(webhook.Options{
		Client: w.e.Client, Reader: w.e.Reader, Secrets: w.e.Backends.Secrets, Expressions: expressions,
		Redact: func(text string) string { return text }, Metrics: metrics, Clock: w.Clock,
	})
}

// path of the trigger.
func (w *world) path() string { return webhook.PathPrefix + w.Namespace + "/shop/push" }

// answer to a delivery.
type answer struct {
	status  int
	header  http.Header
	body    string
	Result  string
	Run     string
	Reason  string
	Message string
}

// push is a delivery of a commit on a branch.
func push(branch, commit string) string {
	return `{"ref": "refs/heads/` + branch + `", "before": "` + strings.Repeat("1", 40) + `", "after": "` + commit +
		`", "repository": {"full_name": "acme/shop"}, "pusher": {"name": "dev"}, "head_commit": {"id": "` + commit + `", "message": "m"}}`
}

func signature(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// request of a delivery that is signed.
func (w *world) request(id, body string) *http.Request {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+w.path(), bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("X-GitHub-Event", "push")
	request.Header.Set("X-GitHub-Delivery", id)
	request.Header.Set("X-Hub-Signature-256", signature(body))
	return request
}

// send a request.
func (w *world) send(request *http.Request) answer {
	w.t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Header.Del("Date")
	a := answer{status: response.StatusCode, header: response.Header, body: string(content)}
	if len(content) > 0 {
		if err := json.Unmarshal(content, &a); err != nil {
			w.t.Fatalf("%s: %v", content, err)
		}
	}
	return a
}

// deliver a signed body.
func (w *world) deliver(id, body string) answer {
	w.t.Helper()
	return w.send(w.request(id, body))
}

// runs of the namespace.
func (w *world) runs() []v1alpha1.PipelineRun {
	w.t.Helper()
	list := &v1alpha1.PipelineRunList{}
	if err := w.Client.List(w.t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// status of the trigger.
func (w *world) status() v1alpha1.TriggerStatus {
	w.t.Helper()
	p := &v1alpha1.Pipeline{}
	if err := w.Client.Get(w.t.Context(), w.Key("shop"), p); err != nil {
		w.t.Fatal(err)
	}
	if len(p.Status.Triggers) == 0 {
		return v1alpha1.TriggerStatus{}
	}
	return p.Status.Triggers[0]
}
