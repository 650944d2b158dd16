package notificationchannel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/mailserver"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// kills of the manager in the test below.
const kills = 50

// process is the real manager as a process.
type process struct {
	t                  *testing.T
	binary, kubeconfig string
	log                *os.File
	running            *exec.Cmd
}

// buildManager compiles the manager, and writes a kubeconfig for it.
func buildManager(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, binary: filepath.Join(dir, "manager"), kubeconfig: filepath.Join(dir, "kubeconfig")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.binary, "kubeops.io/kubeops/cmd/manager")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := clientcmd.WriteToFile(kubeconfig(realAPI), p.kubeconfig); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	p.log = log
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			content, _ := os.ReadFile(log.Name())
			t.Logf("the end of the manager's log: %s", content[max(len(content)-8000, 0):])
		}
		_ = log.Close()
	})
	return p
}

func kubeconfig(config *rest.Config) clientcmdapi.Config {
	return clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			"c": {Server: config.Host, CertificateAuthorityData: config.CAData, CertificateAuthority: config.CAFile},
		},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"u": {
			ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, ClientCertificate: config.CertFile, ClientKey: config.KeyFile, Token: config.BearerToken,
		}},
		Contexts: map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}}, CurrentContext: "x",
	}
}

func (p *process) start() {
	p.t.Helper()
	p.running = exec.CommandContext(context.WithoutCancel(p.t.Context()), p.binary, "--leader-elect=false", "--allow-loopback-backends",
		"--metrics-bind-address=0", "--health-probe-bind-address=127.0.0.1:0")
	p.running.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig)
	p.running.Stdout, p.running.Stderr = p.log, p.log
	if err := p.running.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the manager without a chance to say goodbye.
func (p *process) kill() {
	if p.running != nil {
		_ = p.running.Process.Signal(syscall.SIGKILL) // already gone is as good
		_ = p.running.Wait()                          // reaps it; a killed process is always an error
		p.running = nil
	}
}

// audience is who is told, each in another way.
type audience struct {
	webhook *receiver
	chat    *chat
	mail    *mailserver.Server
	stream  jetstream.Stream
	alerts  string
}

// chat is a strict enough Slack: what it took, by the report that the text names.
type chat struct {
	mutex sync.Mutex
	taken map[string][]string
}

func (c *chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if named := regexp.MustCompile(`get inspectionreport (\S+) -o yaml`).FindSubmatch(body); named != nil {
		c.taken[string(named[1])] = append(c.taken[string(named[1])], string(body))
	}
	pause(20 * time.Millisecond) // as far away as a chat is
	_, _ = io.WriteString(w, "ok")
}

// gather starts everybody, and makes a channel for each.
func gather(t *testing.T, w *tenant.Tenant) *audience {
	t.Helper()
	a := &audience{webhook: newReceiver(t), chat: &chat{taken: map[string][]string{}}, mail: mailserver.Start(t, mailserver.Options{})}
	slack := httptest.NewServer(a.chat)
	t.Cleanup(func() { slack.CloseClientConnections(); slack.Close() })
	address, _ := servers.NATS(t, servers.NATSOptions{})
	connection, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	js, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	// As long as the test may take: a message that is sent again minutes later is a duplicate, too.
	if a.stream, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KUBEOPS", Subjects: []string{"kubeops.>"}, Duplicates: time.Hour}); err != nil {
		t.Fatal(err)
	}
	a.alerts, _ = servers.Alertmanager(t, servers.AlertmanagerOptions{})
	w.Secret("slack", "url", slack.URL+"/services/x")
	w.Grant("slack")
	filter := v1alpha1.NotificationFilter{MinSeverity: v1alpha1.SeverityInfo}
	for name, spec := range map[string]v1alpha1.NotificationChannelSpec{
		"webhook": {Type: v1alpha1.ChannelWebhook, Webhook: &v1alpha1.WebhookReceiver{URL: a.webhook.url}, Mode: v1alpha1.DeliverEach},
		"slack":   {Type: v1alpha1.ChannelSlack, Slack: &v1alpha1.ChatWebhook{WebhookURL: v1alpha1.SecretKeyReference{Name: "slack", Key: "url"}}},
		"mail": {Type: v1alpha1.ChannelEmail, Email: &v1alpha1.EmailReceivers{
			Host: a.mail.Host, Port: int32(a.mail.Port), Security: v1alpha1.EmailPlain, From: "kubeops@shop.test", To: []string{"ops@shop.test"}, //nolint:gosec // a port
		}},
		"nats":         {Type: v1alpha1.ChannelNATS, NATS: &v1alpha1.NATSSubject{URL: "nats://" + address, Subject: "kubeops.reports"}},
		"alertmanager": {Type: v1alpha1.ChannelAlertmanager, Alertmanager: &v1alpha1.AlertmanagerReceiver{URL: a.alerts}},
	} {
		spec.Filter = filter
		spec.MessagesPerMinute = 10_000
		w.Create(&v1alpha1.NotificationChannel{ObjectMeta: w.Meta(name), Spec: spec})
	}
	return a
}

// TestReportsOutliveKilledManagers kills the real manager again and again, at moments after a report was saved, before or while or after
// it is told; then everybody must have been told of every report, and what was told twice must have been told under the same key.
func TestReportsOutliveKilledManagers(t *testing.T) {
	w := tenant.New(t, realAPI)
	manager := buildManager(t)
	w.Account()
	w.Create(&rbacv1.Role{ObjectMeta: w.Meta("reader"), Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"", "apps", "discovery.k8s.io", "networking.k8s.io"}, Verbs: []string{"get", "list"},
		Resources: []string{
			"services",
			"pods",
			"events",
			"endpointslices",
			"ingresses",
			"deployments",
			"replicasets",
			"statefulsets",
			"daemonsets",
		},
	}}})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta("reader"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
	a := gather(t, w)
	var channels []v1alpha1.LocalReference
	for _, name := range []string{"webhook", "slack", "mail", "nats", "alertmanager"} {
		channels = append(channels, v1alpha1.LocalReference{Name: name})
	}
	lost(w, 0)
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("i"), Spec: v1alpha1.InspectionSpec{
		Namespaces: []string{
			w.Namespace,
		}, KeepReports: 100, Channels: channels, Checks: &v1alpha1.CheckSelection{Include: []string{"service-*"}},
		Thresholds: &v1alpha1.Thresholds{StartupGrace: &metav1.Duration{}},
	}})
	inTheMiddle := 0
	for round := range kills {
		manager.start()
		eventually(t, func() bool { return len(reports(t, w)) > round })
		pause(rand.N(200 * time.Millisecond)) //nolint:gosec // chance is meant
		manager.kill()
		pending, done := deliveries(reports(t, w)[round])
		if pending > 0 && done > 0 {
			inTheMiddle++
		}
		if round < kills-1 {
			lost(w, round+1)
			request(t, w, fmt.Sprint(round+1))
		}
	}
	manager.start()
	eventually(t, func() bool {
		for _, r := range reports(t, w) {
			if pending, _ := deliveries(r); pending > 0 || r.Labels[v1alpha1.LabelUndelivered] != "" {
				return false
			}
		}
		return true
	})
	all := reports(t, w)
	if len(all) != kills || len(all[kills-1].Findings) != kills {
		t.Fatalf("%d reports, the last with %d findings; want %d each", len(all), len(all[len(all)-1].Findings), kills)
	}
	twice := a.check(t, all)
	if inTheMiddle == 0 {
		t.Error("no kill met a manager between two channels: the test shows nothing")
	}
	t.Logf("%d kills, %d of them between two channels of the report of their round; told twice under the same key: %v", kills,
		inTheMiddle, twice)
}

// check that everybody was told of every report, and count what was told more than once.
func (a *audience) check(t *testing.T, all []v1alpha1.InspectionReport) map[string]int {
	t.Helper()
	twice := map[string]int{}
	count := func(channel string, told map[string][]string, key string) {
		t.Helper()
		contents := told[key]
		if len(contents) == 0 {
			t.Errorf("%s was not told of %s", channel, key)
			return
		}
		twice[channel] += len(contents) - 1
		for _, content := range contents {
			if content != contents[0] {
				t.Errorf("%s was told two things under the key %s: %s and %s", channel, key, contents[0], content)
			}
		}
	}
	hooks, mails := map[string][]string{}, map[string][]string{}
	events, _ := a.webhook.taken()
	for _, e := range events {
		hooks[e.Key] = append(hooks[e.Key], e.Body)
	}
	for _, m := range a.mail.Mails() {
		if key := regexp.MustCompile(`(?m)^X-KubeOps-Key: (\S+?)\r?$`).FindStringSubmatch(m.Content); key != nil {
			mails[key[1]] = append(mails[key[1]], m.Content)
		}
	}
	for _, r := range all {
		for _, f := range r.Findings {
			if f.State == v1alpha1.FindingNew {
				count("webhook", hooks, string(r.UID)+"/"+f.ID)
			}
		}
		count("slack", a.chat.taken, r.Name)
		count("mail", mails, string(r.UID))
	}
	info, err := a.stream.Info(t.Context())
	if err != nil || info.State.Msgs != uint64(len(all)) {
		t.Errorf("NATS keeps %d messages for %d reports (%v)", info.State.Msgs, len(all), err)
	}
	if on := alerting(t, a.alerts); on != len(all[len(all)-1].Findings) {
		t.Errorf("%d alerts for %d findings", on, len(all[len(all)-1].Findings))
	}
	return twice
}

// alerting counts the active alerts of an Alertmanager.
func alerting(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v2/alerts?active=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var alerts []struct{}
	if err := json.NewDecoder(response.Body).Decode(&alerts); err != nil {
		t.Fatal(err)
	}
	return len(alerts)
}

// lost makes a Service whose selector matches nothing: one finding that is new.
func lost(w *tenant.Tenant, n int) {
	name := fmt.Sprintf("lost-%d", n)
	w.Create(
		&corev1.Service{
			ObjectMeta: w.Meta(name),
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 80}}},
		},
	)
}

// request a run of the Inspection.
func request(t *testing.T, w *tenant.Tenant, value string) {
	t.Helper()
	i := &v1alpha1.Inspection{ObjectMeta: w.Meta("i")}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRequestedAt, value)
	if err := w.Client.Patch(t.Context(), i, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		t.Fatal(err)
	}
}

// reports of the namespace, oldest first.
func reports(t *testing.T, w *tenant.Tenant) []v1alpha1.InspectionReport {
	t.Helper()
	list := &v1alpha1.InspectionReportList{}
	if err := w.Client.List(t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.InspectionReport) int { return a.Summary.StartTime.Compare(b.Summary.StartTime.Time) })
	return list.Items
}

func deliveries(r v1alpha1.InspectionReport) (pending, done int) {
	for _, d := range r.Deliveries {
		if d.State == v1alpha1.DeliveryDone {
			done++
		} else {
			pending++
		}
	}
	return pending, done
}

// eventually polls quickly, since what follows is to meet the manager in the middle of its work.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(90 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatal("it did not come to hold")
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// pause lets a while pass, to choose a moment; nothing is expected to have happened after it.
func pause(d time.Duration) { <-time.After(d) }
