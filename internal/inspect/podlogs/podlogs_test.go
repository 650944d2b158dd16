package podlogs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/rbac"
	"kubeops.io/kubeops/internal/inspect/checks/telemetry"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// kubelets answer requests for logs: by Pod, or 403 for the namespace closed. They count requests.
func kubelets(t *testing.T, logs func(pod string) string) (collect.Source, *atomic.Int64) {
	t.Helper()
	var requests atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}/log", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		query := r.URL.Query()
		switch {
		case query.Get("limitBytes") != "65536" || query.Get("sinceSeconds") != "600" || query.Get("timestamps") != "true":
			t.Errorf("unbounded: %s", r.URL)
		case r.PathValue("namespace") == "closed":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"no","code":403}`)
		default:
			_, _ = fmt.Fprint(w, logs(r.PathValue("pod")))
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return collect.Source{Config: &rest.Config{Host: server.URL}}, &requests
}

// every writes a line at equal distances, the last one some time before now.
func every(distance, ago time.Duration, n int, line string) string {
	var b strings.Builder
	for i := n - 1; i >= 0; i-- {
		at := testkit.Now().Add(-ago - time.Duration(i)*distance)
		b.WriteString(at.Format(time.RFC3339Nano) + " " + strings.ReplaceAll(line, "#", fmt.Sprint(i)) + "\n")
	}
	return b.String()
}

// runs is a Pod without an owner that runs; metadata, spec and status are further fields.
func runs(namespace, name, spec, status string) string {
	return checktest.Document("v1", "Pod", "name: "+name+", namespace: "+namespace+`, creationTimestamp: "2026-01-15T09:00:00Z"`,
		"spec: {"+spec+"containers: [{name: app, image: i}]}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True'}], "+
			"containerStatuses: [{name: app, ready: true, state: {running: {startedAt: '2026-01-15T09:00:01Z'}}"+status+"}]}")
}

func input(t *testing.T, documents string, logs func(pod string) string) (Input, *atomic.Int64) {
	t.Helper()
	g := testkit.Graph(t, documents)
	source, requests := kubelets(t, logs)
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Input{
		Source: source, Graph: g, Scope: scope.New(g, nil), Params: check.DefaultParams(), Wanting: []string{"log-error-repeating"},
		Redact: redactor.Text,
	}, requests
}

// found are the findings about logs, one a line.
func found(t *testing.T, documents, log string) string {
	t.Helper()
	in, _ := input(t, documents, func(string) string { return log })
	if gaps := Collect(t.Context(), in); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	selected, err := check.Select(append(telemetry.Checks(), rbac.Checks()...), []string{"log-error-repeating", "serviceaccount-forbidden"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	findings, _, gaps := check.Run(in.Graph, selected, in.Params)
	if len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	var b strings.Builder
	for _, f := range findings {
		checktest.RequireQuoted(t, f.Remediation)
		fmt.Fprintf(&b, "%s %s: %s\n", f.Severity, f.Object, f.Message)
		if strings.Contains(f.Evidence[0].Text, "hunter2") {
			t.Errorf("a secret: %s", f.Evidence[0].Text)
		}
	}
	return b.String()
}

func TestErrorsThatRepeatNowAreFoundAndJoined(t *testing.T) {
	const same = "Pod/shop/web: Container app of Pod web keeps logging the same error"
	service := checktest.Document("v1", "Service", `name: db, namespace: shop, creationTimestamp: "2026-01-15T08:00:00Z"`,
		"spec: {clusterIP: 10.96.0.9, selector: {app: db}, ports: [{port: 5432}]}")
	account := checktest.Document("v1", "ServiceAccount", "name: web, namespace: shop", "")
	info := every(3*time.Second, time.Second, 150, "INFO request # served")
	secret := checktest.Document("v1", "Secret", "name: db, namespace: ops", "")
	for name, tc := range map[string]struct{ documents, log, want string }{
		"a Service without Pods": {service, info + every(20*time.Second, 5*time.Second, 20, "ERROR dial tcp db:5432: connection refused"),
			"medium " + same + ": it cannot reach db: the selector of Service db matches no Pods.\n"},
		"a warning that facts prove": {service, info + every(20*time.Second, 5*time.Second, 20, "WARN db:5432: connection refused, retry #"),
			"medium " + same + ": it cannot reach db: the selector of Service db matches no Pods.\n"},
		"a ConfigMap that does not exist": {"", info + every(time.Minute, 5*time.Second, 8, `E0115 11:59:00.000000 1 a.go:1] configmaps "flags" `+
			`not found`), "medium " + same + ": ConfigMap flags does not exist in namespace shop.\n"},
		"a certificate": {"", every(time.Minute, 5*time.Second, 8, "ERROR x509: certificate has expired"),
			"medium " + same + ": the certificate has expired.\n"},
		"an error of its own": {"", every(30*time.Second, 5*time.Second, 15, `ERROR cannot price item #: password=hunter2`),
			"low " + same + ".\n"},
		"in JSON": {"", every(30*time.Second, 5*time.Second, 15, `{"level":"error","msg":"cannot price item #"}`), "low " + same + ".\n"},
		"a denied request": {account, every(time.Minute, 5*time.Second, 8, `E0115 11:59:00.000000 1 reflector.go:150] "Failed to watch" `+
			`err="pods is forbidden: User \"system:serviceaccount:shop:web\" cannot list resource \"pods\" in API group \"\" in the `+
			`namespace \"shop\""`), "medium ServiceAccount/shop/web: ServiceAccount web cannot list pods in namespace shop (RBAC): no " +
			"binding grants it a role there.\n"},

		"one error":               {service, info + every(time.Second, time.Second, 1, "ERROR dial tcp db:5432: connection refused"), ""},
		"few among many":          {"", info + every(time.Minute, time.Second, 8, "ERROR cannot price item #"), ""},
		"a burst":                 {service, every(time.Second, 10*time.Second, 20, "ERROR dial tcp db:5432: connection refused"), ""},
		"it has recovered":        {service, every(10*time.Second, 4*time.Minute, 20, "ERROR dial tcp db:5432: connection refused"), ""},
		"a warning without facts": {"", every(30*time.Second, 5*time.Second, 15, "WARN cannot price item #"), ""},
		"an optional object":      {"", every(time.Minute, 5*time.Second, 8, `INFO secrets "db" not found, using defaults`), ""},
		"an object elsewhere":     {secret, info + every(time.Minute, 5*time.Second, 8, `ERROR secrets "db" not found`), ""},
		"no line":                 {"", "", ""},
		"binary":                  {"", strings.Repeat("\x00\xff\x1b[31m", 1000), ""},
		"no timestamps":           {"", strings.Repeat("ERROR a\n", 100), ""},
		"a line of 64 KiB":        {"", testkit.Now().Format(time.RFC3339Nano) + " ERROR " + strings.Repeat("x", 64<<10), ""},
		"times of another century": {service, strings.ReplaceAll(every(20*time.Second, 0, 20, "ERROR dial tcp db:5432: connection refused"),
			"2026-", "1926-"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := found(t, tc.documents+runs("shop", "web", "", ""), tc.log); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// TestALineThatNamesNoHostIsNotAboutOneOfTheConfiguration unless it is an error: many programs that are idle say that they wait.
func TestALineThatNamesNoHostIsNotAboutOneOfTheConfiguration(t *testing.T) {
	pod := strings.Replace(runs("shop", "web", "", ""), "image: i}", "image: i, env: [{name: TRACES, value: 'http://traces.shop.svc:4317'}]}", 1)
	if got := found(t, pod, every(20*time.Second, 5*time.Second, 20, "INFO waiting for messages")); got != "" {
		t.Errorf("an idle program: %s", got)
	}
	const unreachable = "it cannot reach traces.shop.svc: "
	for _, line := range []string{"ERROR connection refused", "WARN traces.shop.svc:4317: connection refused"} {
		if got := found(t, pod, every(20*time.Second, 5*time.Second, 20, line)); !strings.Contains(got, unreachable) {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// TestAFindingStaysWhileTheLogsOfAnEarlierGraphAreUsed since nothing says that the error has stopped.
func TestAFindingStaysWhileTheLogsOfAnEarlierGraphAreUsed(t *testing.T) {
	in, _ := input(t, runs("shop", "web", "", ""), func(string) string { return every(30*time.Second, 5*time.Second, 15, "ERROR cannot price #") })
	Collect(t.Context(), in)
	selected, err := check.Select(telemetry.Checks(), []string{"log-error-repeating"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	later := testkit.Graph(t, runs("shop", "web", "", ""))
	later.Now = later.Now.Add(Window)
	later.SetRunningLogs(in.Graph.RunningLogs())
	if findings, _, _ := check.Run(later, selected, in.Params); len(findings) != 1 {
		t.Errorf("%d findings", len(findings))
	}
}

func TestPodsWithSignsOfTroubleAreReadFirst(t *testing.T) {
	warning := func(pod, reason string) string {
		return checktest.Document("v1", "Event", "name: e-"+pod+", namespace: shop", "type: Warning\nreason: "+reason+
			"\nmessage: m\nlastTimestamp: '2026-01-15T11:50:00Z'\ninvolvedObject: {kind: Pod, name: "+pod+", namespace: shop, apiVersion: v1}")
	}
	documents := runs("kube-system", "dns", "", "") + warning("unhealthy", "Unhealthy") + warning("warned", "Other") +
		runs("shop", "unhealthy", "", "") + runs("shop", "warned", "", "") + runs("shop", "restarted", "",
		", restartCount: 1, lastState: {terminated: {exitCode: 1, finishedAt: '2026-01-15T11:40:00Z'}}") +
		runs("shop", "long-ago", "", ", restartCount: 1, lastState: {terminated: {exitCode: 1, finishedAt: '2026-01-14T11:40:00Z'}}") +
		checktest.Document("v1", "Service", "name: db, namespace: shop", "spec: {selector: {app: db}, ports: [{port: 5432}]}") +
		strings.ReplaceAll(runs("shop", "db", "", ""), "name: db,", "name: db, labels: {app: db},") +
		checktest.Document("v1", "Pod", "name: caller, namespace: shop", "spec: {containers: [{name: app, image: i, env: [{name: DB, value: "+
			"'tcp://db:5432'}]}]}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: app}]}")
	documents += runs("small", "lonely", "", "")
	for i := range 10 {
		documents += runs("shop", fmt.Sprintf("quiet-%d", i), "", "")
	}
	in, requests := input(t, documents, func(string) string { return "" })
	var names []string
	for _, target := range choose(in) {
		names = append(names, target.pod.Name)
	}
	want := "restarted unhealthy db warned long-ago lonely quiet-0 quiet-1 quiet-2 quiet-3 quiet-4 quiet-5 quiet-6 quiet-7 quiet-8 quiet-9"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	Collect(t.Context(), in)
	if n := requests.Load(); n != 16 {
		t.Errorf("%d requests", n)
	}
}

func TestReadsAreBoundedWhateverTheSizeOfTheCluster(t *testing.T) {
	var documents strings.Builder
	for i := range 200 {
		documents.WriteString(runs(fmt.Sprintf("ns-%d", i), "web", "", ""))
	}
	in, requests := input(t, documents.String(), func(string) string { return strings.Repeat("x", 100<<10) })
	Collect(t.Context(), in)
	if n := requests.Load(); n != 50 {
		t.Errorf("%d requests", n)
	}
	in, requests = input(t, documents.String(), func(string) string { return "" })
	in.Wanting = nil
	Collect(t.Context(), in)
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests for no check", n)
	}
}

func TestLogsThatCannotBeReadAreAGapOnlyWhereTheyWereAskedFor(t *testing.T) {
	in, _ := input(t, runs("closed", "web", "", "")+runs("closed", "api", "", ""), func(string) string { return "" })
	if gaps := Collect(t.Context(), in); len(gaps) > 0 {
		t.Errorf("%+v", gaps)
	}
	in.Asked = true
	gaps := Collect(t.Context(), in)
	if len(gaps) != 1 || gaps[0].Optional || !strings.Contains(gaps[0].Message, "Cannot get pods/log in namespace closed:") ||
		!strings.Contains(string(gaps[0].Remediation), "resources [pods/log], verbs [get]") {
		t.Errorf("%+v", gaps)
	}
	in.Source.Config = &rest.Config{Host: "https://127.0.0.1:1"}
	in.Asked = false
	if gaps := Collect(t.Context(), in); len(gaps) != 1 || !gaps[0].Optional {
		t.Errorf("%+v", gaps)
	}
}

func FuzzMine(f *testing.F) {
	f.Add(every(time.Second, 0, 5, "ERROR a #"))
	f.Add("2026-01-15T12:00:00Z Traceback (most recent call last):\n2026-01-15T12:00:00Z   File\n2026-01-15T12:00:00Z KeyError: 'a'\n")
	f.Fuzz(func(t *testing.T, log string) {
		got := mine(log, nil)
		if len(got.Lines) > maxLines {
			t.Errorf("%d lines", len(got.Lines))
		}
		for _, line := range got.Lines {
			if line.Count < minRepeats || line.Count > got.Events || line.Last.Before(line.First) ||
				strings.ContainsAny(line.Example+line.Text, "\n\x1b\x00") || len([]rune(line.Example)) > maxText {
				t.Errorf("%+v", line)
			}
		}
	})
}
