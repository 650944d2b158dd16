package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
)

const token = "a-token-of-this-test"

// server has one Pod with a log, and sees namespace shop only.
func server(t *testing.T, log string) *mcp.Server {
	t.Helper()
	pod := &corev1.Pod{}
	pod.Namespace = "shop"
	pod.Name = "cart-0"
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "x"}}
	cluster := aibench.NewCluster([]client.Object{pod}, map[string]string{"shop/cart-0/app": log})
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set := tools.New(background.Within(background.Scope{Namespaces: []string{"shop"}}, cluster), testkit.Now)
	return New(Options{Tools: set, Redactor: redactor, Version: "test"})
}

// authorized adds the token to requests.
type authorized struct{ token string }

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+a.token)
	return http.DefaultTransport.RoundTrip(r)
}

// sessions are connections of the SDK's own client over each transport.
func sessions(t *testing.T, log string) map[string]*mcp.ClientSession {
	t.Helper()
	connect := func(transport mcp.Transport) *mcp.ClientSession {
		session, err := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(t.Context(), transport, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = session.Close() })
		return session
	}
	ours, in := io.Pipe()
	out, theirs := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		_ = (&options{}).serveStreams(ctx, command.Streams{In: ours, Out: theirs}, server(t, log))
	}()
	web := httptest.NewServer(Handler(server(t, log), token))
	t.Cleanup(web.Close)
	return map[string]*mcp.ClientSession{
		"stdio": connect(&mcp.IOTransport{Reader: out, Writer: in}),
		"HTTP": connect(&mcp.StreamableClientTransport{
			Endpoint: web.URL, HTTPClient: &http.Client{Transport: authorized{token}}, DisableStandaloneSSE: true,
		}),
	}
}

// said is the text of a result.
func said(t *testing.T, session *mcp.ClientSession, tool string, arguments map[string]any) (text string, failed bool) {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return err.Error(), true
	}
	for _, content := range result.Content {
		if part, is := content.(*mcp.TextContent); is {
			text += part.Text
		}
	}
	return text, result.IsError
}

func TestAnAssistantReadsTheCluster(t *testing.T) {
	log := strings.Repeat("password=hunter2hunter2 is wrong\x1b[31m\u202e\n", 3000) + "FATAL: bye\n"
	for name, session := range sessions(t, log) {
		t.Run(name, func(t *testing.T) {
			list, err := session.ListTools(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, tool := range list.Tools {
				names = append(names, tool.Name)
				if !tool.Annotations.ReadOnlyHint || tool.InputSchema == nil {
					t.Errorf("tool %s: %+v", tool.Name, tool)
				}
			}
			if len(names) != 9 || !slices.Contains(names, "logs") || !strings.Contains(session.InitializeResult().Instructions, "never an instruction") {
				t.Errorf("tools: %v", names)
			}
			text, failed := said(t, session, "logs", map[string]any{"namespace": "shop", "pod": "cart-0", "lines": 200})
			if failed || !strings.HasSuffix(text, "FATAL: bye") || strings.Contains(text, "hunter2") || len(text) > MaxBytes ||
				strings.ContainsAny(text, "\x1b\u202e") {
				t.Errorf("failed: %v, %d bytes: %.200s", failed, len(text), text)
			}
			for want, call := range map[string]map[string]any{
				`refused: namespace "vault" is not inspected`: {"kind": "Pod", "namespace": "vault", "name": "key"},
				"refused: Secrets are not read":               {"kind": "Secret", "namespace": "shop", "name": "key"},
				"refused: argument name is required":          {"kind": "Pod", "namespace": "shop"},
			} {
				if text, failed := said(t, session, "get", call); !failed || !strings.HasPrefix(text, want) {
					t.Errorf("got %q, want %q", text, want)
				}
			}
			if text, failed := said(t, session, "delete", map[string]any{"kind": "Pod"}); !failed {
				t.Errorf("a tool that writes: %s", text)
			}
		})
	}
}

func TestCallsPerMinuteAreLimited(t *testing.T) {
	session := sessions(t, "")["HTTP"]
	refused := 0
	for range MaxPerMinute + 10 {
		if text, failed := said(t, session, "resolve_host", map[string]any{"host": "a", "namespace": "shop"}); failed {
			refused++
			if !strings.Contains(text, "the limit of 120 calls in a minute is reached") {
				t.Fatal(text)
			}
		}
	}
	if refused == 0 || refused > 10 {
		t.Errorf("%d calls were refused", refused)
	}
}

func TestRequestsWithoutTheTokenAreRejected(t *testing.T) {
	web := httptest.NewServer(Handler(server(t, ""), token))
	t.Cleanup(web.Close)
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	for name, tc := range map[string]struct {
		header map[string]string
		host   string
		body   string
		want   int
	}{
		"no token":        {want: 401},
		"another token":   {header: map[string]string{"Authorization": "Bearer x"}, want: 401},
		"a prefix of it":  {header: map[string]string{"Authorization": "Bearer a-token"}, want: 401},
		"a page":          {header: map[string]string{"Authorization": "Bearer " + token, "Origin": "https://evil.example"}, want: 403},
		"another host":    {header: map[string]string{"Authorization": "Bearer " + token}, host: "evil.example", want: 403},
		"a large request": {header: map[string]string{"Authorization": "Bearer " + token}, body: strings.Repeat("a", maxMessage+1), want: 413},
		"the token":       {header: map[string]string{"Authorization": "Bearer " + token}, want: 200},
	} {
		if tc.body == "" {
			tc.body = body
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "application/json, text/event-stream")
		for key, value := range tc.header {
			request.Header.Set(key, value)
		}
		if tc.host != "" {
			request.Host = tc.host
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != tc.want {
			t.Errorf("%s: got %d, want %d", name, response.StatusCode, tc.want)
		}
	}
	empty := httptest.NewRecorder()
	Handler(server(t, ""), "").ServeHTTP(empty, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body)))
	if empty.Code != http.StatusUnauthorized {
		t.Errorf("without a token: got %d", empty.Code)
	}
}

// kubeconfig of a server, with the token of the user.
func kubeconfig(t *testing.T, url string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	content := "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n" +
		"clusters: [{name: a, cluster: {server: '" + url + "', insecure-skip-tls-verify: true}}]\nusers: [{name: a, user: {token: token-of-the-user}}]\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheCommandReadsAsTheUser(t *testing.T) {
	var asked atomic.Value
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Authorization") + " " + r.Method + " " + r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart-0","namespace":"shop"},"spec":{"nodeName":"n1"}}`)
	}))
	t.Cleanup(api.Close)
	file := kubeconfig(t, api.URL)
	ours, in := io.Pipe()
	out, theirs := io.Pipe()
	cmd := NewCommand(command.Streams{In: ours, Out: theirs, Err: io.Discard}, noBackends{})
	cmd.SetArgs([]string{"--kubeconfig", file})
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(t.Context()) }()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(t.Context(), &mcp.IOTransport{Reader: out, Writer: in}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, failed := said(t, session, "get", map[string]any{"kind": "Pod", "namespace": "shop", "name": "cart-0"})
	if failed || !strings.Contains(text, "spec.nodeName: n1") {
		t.Errorf("got %s", text)
	}
	if got := asked.Load(); got != "Bearer token-of-the-user GET /api/v1/namespaces/shop/pods/cart-0" {
		t.Errorf("asked %v", got)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the command ended with %v", err)
	}
}

func TestFlagsThatWouldOpenTheServerAreRejected(t *testing.T) {
	short := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(short, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"is not an address of loopback":              {"--listen", "0.0.0.0:8765"},
		"is not an address of loopback, such as":     {"--listen", "192.0.2.1:8765"},
		"is not an address and port":                 {"--listen", "8765"},
		"--token-file applies to --listen":           {"--token-file", short},
		"has 3 characters, at least 16 are required": {"--listen", "127.0.0.1:0", "--token-file", short},
	} {
		cmd := NewCommand(command.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, noBackends{})
		cmd.SilenceErrors = true
		cmd.SilenceUsage = true
		cmd.SetArgs(append(args, "--kubeconfig", kubeconfig(t, "http://127.0.0.1:1")))
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", args, err, want)
		}
	}
}

// noBackends has no flags.
type noBackends struct{}

func (noBackends) Register(*cobra.Command)      {}
func (noBackends) Open() (tools.Sources, error) { return tools.Sources{}, nil }

func TestSchemasAreValid(t *testing.T) {
	sources := tools.Sources{
		Metrics: struct{ metrics.Provider }{}, Logs: struct{ logs.Provider }{}, History: &reports{}, Redact: func(s string) string { return s },
	}
	all := tools.New(nil, testkit.Now).With(sources).Tools()
	if len(all) != 12 {
		t.Errorf("%d tools", len(all))
	}
	for _, tool := range all {
		var schema struct {
			Type       string
			Properties map[string]struct{ Type string }
			Required   []string
		}
		if err := json.Unmarshal(tool.Schema(), &schema); err != nil || schema.Type != "object" {
			t.Errorf("%s: %s, %v", tool.Name, tool.Schema(), err)
		}
		for _, name := range schema.Required {
			if schema.Properties[name].Type == "" {
				t.Errorf("%s requires %s, which it does not have", tool.Name, name)
			}
		}
	}
}

func TestHistoryIsThatOfOneInspection(t *testing.T) {
	report := func(name, owner string, hoursAgo int) *v1alpha1.InspectionReport {
		r := &v1alpha1.InspectionReport{}
		r.Namespace = "shop"
		r.Name = name
		r.Labels = map[string]string{v1alpha1.LabelInspection: "everything"}
		controller := true
		r.OwnerReferences = []metav1.OwnerReference{{APIVersion: "kubeops.io/v1alpha1", Kind: "Inspection", Name: owner, Controller: &controller}}
		r.CreationTimestamp = metav1.NewTime(testkit.Now().Add(-time.Duration(hoursAgo) * time.Hour))
		return r
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).
		WithObjects(report("old", "everything", 2), report("new", "everything", 1), report("forged", "other", 0)).Build()
	var read []string
	err := (&reports{reader: reader, namespace: "shop", name: "everything"}).Earlier(t.Context(), func(r *v1alpha1.InspectionReport) bool {
		read = append(read, r.Name)
		return true
	})
	if err != nil || !slices.Equal(read, []string{"new", "old"}) {
		t.Errorf("got %q, %v", read, err)
	}
	for _, wrong := range []string{"everything", "/a", "a/", "shop/a/b", "../a"} {
		if _, err := historyOf(&rest.Config{}, wrong); err == nil || !strings.Contains(err.Error(), "must be NAMESPACE/NAME") {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}
