package tools_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/testkit"
)

const shop = `
apiVersion: v1
kind: Pod
metadata:
  name: cart-0
  namespace: shop
  labels: {app: cart}
  creationTimestamp: "2026-01-15T08:00:00Z"
  annotations: {kubectl.kubernetes.io/last-applied-configuration: not-shown-annotation}
spec:
  nodeName: n1
  initContainers: [{name: wait, image: x}]
  containers:
  - name: app
    image: registry.example/cart:1
    env: [{name: DB_HOST, value: cart-db}, {name: NOTE, value: not-shown-variable}, {name: WORKERS, value: "4"}]
status:
  phase: Running
  containerStatuses:
  - {name: app, image: x, imageID: "", ready: false, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}},
     lastState: {terminated: {exitCode: 3, reason: Error}}}
---
apiVersion: v1
kind: Service
metadata: {name: cart-dbs, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 5432, targetPort: 5432}]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: cart
  namespace: shop
  creationTimestamp: "2026-01-15T08:00:00Z"
  managedFields:
  - {manager: kubectl-edit, operation: Update, apiVersion: v1, time: "2026-01-15T11:50:00Z", fieldsType: FieldsV1, fieldsV1: {"f:data": {"f:mode": {}}}}
data: {mode: not-shown-value}
---
apiVersion: v1
kind: Secret
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-15T08:00:00Z"}
stringData: {password: not-shown-password}
---
apiVersion: v1
kind: Event
metadata: {name: cart-0.1, namespace: shop}
involvedObject: {kind: Pod, name: cart-0, namespace: shop}
type: Warning
reason: BackOff
message: Back-off restarting failed container
lastTimestamp: "2026-01-15T11:59:00Z"
count: 12
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reads, namespace: shop}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: cart, namespace: shop}
subjects: [{kind: ServiceAccount, name: cart, namespace: shop}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reads}
---
apiVersion: v1
kind: Pod
metadata: {name: key, namespace: vault}
spec: {containers: [{name: app, image: x}]}
`

func cluster(t testing.TB, logs map[string]string) background.Cluster {
	t.Helper()
	var objects []client.Object
	for _, object := range testkit.Objects(t, shop) {
		objects = append(objects, object.(client.Object)) //nolint:forcetypeassert // of the test
	}
	return background.Within(background.Scope{Namespaces: []string{"shop"}}, aibench.NewCluster(objects, logs))
}

func set(t testing.TB, logs map[string]string) *tools.Set {
	t.Helper()
	return tools.New(cluster(t, logs), testkit.Now)
}

func TestToolsAnswerFromTheCluster(t *testing.T) {
	s := set(t, map[string]string{"shop/cart-0/app": "starting\nFATAL: no such table: carts\nbye\n", "shop/cart-0/wait": "waiting for cart-db\n"})
	for name, tc := range map[string]struct {
		tool, arguments string
		want            []string
	}{
		"an object, its status first": {"get", `{"kind":"pods","namespace":"shop","name":"cart-0"}`, []string{
			"status.phase: Running", "spec.containers[app].image: registry.example/cart:1", "spec.containers[app] env WORKERS=4",
			"spec.containers[app] env NOTE=a literal value",
		}},
		"a part of an object": {"get", `{"kind":"Pod","namespace":"shop","name":"cart-0","path":"spec.nodeName"}`, []string{"spec.nodeName: n1"}},
		"a ConfigMap without its values": {
			"get", `{"kind":"ConfigMap","namespace":"shop","name":"cart"}`, []string{"data[mode]: 15 bytes"},
		},
		"an object that is gone": {"get", `{"kind":"Pod","namespace":"shop","name":"cart-9"}`, []string{"Pod shop/cart-9 does not exist."}},
		"a list with states": {"list", `{"kind":"Pod","namespace":"shop","labels":"app=cart"}`, []string{
			"cart-0 phase=Running node=n1 app: CrashLoopBackOff restarts=7",
		}},
		"the end of the log of what fails": {"logs", `{"namespace":"shop","pod":"cart-0","lines":2}`, []string{"FATAL: no such table: carts", "bye"}},
		"the start of a log":               {"logs", `{"namespace":"shop","pod":"cart-0","from":"head","lines":"1"}`, []string{"starting"}},
		"matching lines of a log":          {"logs", `{"namespace":"shop","pod":"cart-0","match":"(?i)fatal"}`, []string{"FATAL: no such table"}},
		"the log of an init container":     {"logs", `{"namespace":"shop","pod":"cart-0","container":"wait"}`, []string{"waiting for cart-db"}},
		"events of an object": {"events", `{"namespace":"shop","name":"cart"}`, []string{
			"2026-01-15T11:59:00Z Warning BackOff Pod/cart-0 x12: Back-off restarting failed container",
		}},
		"a host that does not exist": {"resolve_host", `{"host":"cart-db","namespace":"shop"}`, []string{
			"No Service cart-db exists in namespace shop", "Service cart-dbs has a similar name",
		}},
		"a wrong port":    {"resolve_host", `{"host":"cart-dbs","namespace":"shop","port":80}`, []string{"It has no port 80."}},
		"what is related": {"related", `{"kind":"Pod","namespace":"shop","name":"cart-0"}`, []string{"exit code 3", "No Service cart-db exists"}},
		"no rollout": {
			"rollout_diff", `{"kind":"Pod","namespace":"shop","name":"cart-0"}`, []string{"There are no two revisions that differ."},
		},
		"what changed": {"changes", `{"namespace":"shop"}`, []string{
			"2026-01-15T11:50:00Z ConfigMap/cart: data changed by kubectl-edit", "Secret/cart created",
		}},
		"a permission": {"can_i", `{"serviceAccount":"cart","namespace":"shop","verb":"get","resource":"configmaps"}`, []string{
			"yes: RoleBinding cart grants Role reads to it.",
		}},
		"a missing permission": {"can_i", `{"serviceAccount":"cart","namespace":"shop","verb":"list","resource":"configmaps"}`, []string{
			"No binding that can be read permits ServiceAccount cart to list configmaps. Not read: ClusterRoleBindings.",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := s.Call(t.Context(), tc.tool, json.RawMessage(tc.arguments))
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(output.Lines, "\n")
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("want %q in\n%s", want, text)
				}
			}
			if strings.Contains(text, "not-shown") {
				t.Errorf("values are shown:\n%s", text)
			}
		})
	}
}

func TestCallsAreRefusedWithAReason(t *testing.T) {
	s := set(t, nil)
	for name, tc := range map[string]struct{ tool, arguments, want string }{
		"a tool that writes":     {"delete", `{"kind":"Pod"}`, "there is no such tool; the tools, all of which only read, are get, list,"},
		"a Secret":               {"get", `{"kind":"secret","namespace":"shop","name":"cart"}`, "Secrets are not read"},
		"a list of Secrets":      {"list", `{"kind":"Secret","namespace":"shop"}`, "Secrets are not read"},
		"what uses a Secret":     {"related", `{"kind":"Secret","namespace":"shop","name":"cart"}`, "Secrets are not read"},
		"another namespace":      {"get", `{"kind":"Pod","namespace":"vault","name":"key"}`, `namespace "vault" is not inspected`},
		"logs elsewhere":         {"logs", `{"namespace":"vault","pod":"key"}`, `namespace "vault" is not inspected`},
		"events elsewhere":       {"events", `{"namespace":"vault"}`, `namespace "vault" is not inspected`},
		"changes elsewhere":      {"changes", `{"namespace":"vault"}`, `namespace "vault" is not inspected`},
		"permissions elsewhere":  {"can_i", `{"serviceAccount":"a","namespace":"vault","verb":"get","resource":"pods"}`, "is not inspected"},
		"the cluster":            {"get", `{"kind":"Node","name":"n1"}`, "objects of the cluster are not inspected"},
		"no namespace":           {"list", `{"kind":"Pod"}`, "argument namespace is required for kind Pod"},
		"a needless namespace":   {"get", `{"kind":"Node","namespace":"shop","name":"n1"}`, "kind Node has no namespaces"},
		"an unknown kind":        {"get", `{"kind":"Widget","namespace":"shop","name":"a"}`, `kind "Widget" is not among those that can be read`},
		"no object":              {"get", `{"kind":"Pod","namespace":"shop"}`, "argument name is required"},
		"an unknown argument":    {"get", `{"kind":"Pod","namespace":"shop","name":"a","force":true}`, `tool get has no argument "force"`},
		"a path as a name":       {"get", `{"kind":"Pod","namespace":"shop","name":"../vault/key"}`, "is not a name of an object"},
		"a path as a namespace":  {"logs", `{"namespace":"shop/../vault","pod":"key"}`, "is not a name of a namespace"},
		"no JSON":                {"get", `kind=Pod`, "the arguments are not a JSON object"},
		"a list as arguments":    {"get", `["Pod"]`, "the arguments are not a JSON object"},
		"a wrong type":           {"logs", `{"namespace":"shop","pod":"cart-0","lines":"many"}`, "argument lines must be an integer"},
		"a fraction":             {"logs", `{"namespace":"shop","pod":"cart-0","lines":1.5}`, "argument lines must be an integer"},
		"an object as a name":    {"get", `{"kind":{"a":1},"namespace":"shop","name":"a"}`, "argument kind must be a string"},
		"another end of a log":   {"logs", `{"namespace":"shop","pod":"cart-0","from":"middle"}`, "argument from must be one of head, tail"},
		"an unknown container":   {"logs", `{"namespace":"shop","pod":"cart-0","container":"db"}`, "its containers are wait, app"},
		"an expression":          {"logs", `{"namespace":"shop","pod":"cart-0","match":"("}`, "argument match is not a regular expression"},
		"a huge expression":      {"logs", `{"namespace":"shop","pod":"cart-0","match":"(a{1000}){1000}"}`, "argument match is not a regular expression"},
		"huge arguments":         {"get", `{"kind":"` + strings.Repeat("a", 3000) + `"}`, "at most 2048 are allowed"},
		"a field that is absent": {"get", `{"kind":"Pod","namespace":"shop","name":"cart-0","path":"data"}`, `Pod has no fields below "data"`},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := s.Call(t.Context(), tc.tool, json.RawMessage(tc.arguments))
			var refusal *tools.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, tc.want) {
				t.Errorf("got %q, %v, want %q", output.Lines, err, tc.want)
			}
		})
	}
}

// failing is a cluster whose reads fail.
type failing struct {
	background.Cluster
	err error
}

func (f failing) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return f.err
}

func TestErrorsOfTheServerAreNotQuoted(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "a", errors.New("hostile")), "cannot read pods (RBAC)"},
		{context.DeadlineExceeded, "the API server did not respond in time"},
		{apierrors.NewTimeoutError("hostile", 1), "the API server did not respond in time"},
		{apierrors.NewResourceExpired("hostile"), "the API server rejected the read (Expired)"},
		{errors.New("hostile"), "the read failed"},
		{background.ScopeError{Namespace: "hidden"}, `namespace "hidden" is not inspected`},
	} {
		s := tools.New(failing{err: tc.err}, testkit.Now)
		_, got := s.Call(t.Context(), "get", json.RawMessage(`{"kind":"Pod","namespace":"shop","name":"a"}`))
		if fmt.Sprint(got) != tc.want {
			t.Errorf("got %v, want %s", got, tc.want)
		}
	}
}

func TestALargeLogIsBounded(t *testing.T) {
	log := strings.Repeat("GET /healthz 200\n", 600_000) + "FATAL: disk full\n"
	s := set(t, map[string]string{"shop/cart-0/app": log})
	gate := &plain{}
	session := s.NewSession(gate)
	for _, arguments := range []string{`"lines":200`, `"match":"FATAL"`, `"from":"head","lines":100000`} {
		call := session.Call(t.Context(), "logs", json.RawMessage(`{"namespace":"shop","pod":"cart-0",`+arguments+`}`))
		size := len(strings.Join(call.Lines, "\n"))
		if call.Refused != "" || size > tools.MaxBytes {
			t.Errorf("%s: %d bytes, refused: %s", arguments, size, call.Refused)
		}
		if last := call.Lines[len(call.Lines)-1]; !strings.Contains(arguments, "head") && last != "FATAL: disk full" {
			t.Errorf("%s: the last line is %q", arguments, last)
		}
	}
}

// plain is a gate that counts what passes.
type plain struct{ out []string }

func (p *plain) Learn(...string)            {}
func (p *plain) Restore(text string) string { return text }
func (p *plain) Out(text string) string {
	p.out = append(p.out, text)
	return strings.ReplaceAll(text, "FATAL: no", "[redacted]")
}

func TestASessionLimitsCallsAndRefusesRepeats(t *testing.T) {
	s := set(t, map[string]string{"shop/cart-0/app": "FATAL: no such table\n"})
	session := s.NewSession(&plain{})
	first := session.Call(t.Context(), "logs", json.RawMessage(`{"namespace":"shop","pod":"cart-0"}`))
	if first.ID != "t1" || len(first.Hash) != 64 || strings.Join(first.Lines, "\n") != "[redacted] such table" || !first.At.Equal(testkit.Now()) {
		t.Errorf("got %+v", first)
	}
	again := session.Call(t.Context(), "logs", json.RawMessage(`{ "pod":"cart-0", "namespace":"shop", "container":null, "match":"" }`))
	if again.Refused != "the same call was made before: see t1" || again.Lines != nil {
		t.Errorf("got %+v", again)
	}
	for n := range 100 {
		call := session.Call(t.Context(), "get", json.RawMessage(fmt.Sprintf(`{"kind":"Pod","namespace":"shop","name":"cart-%d"}`, n)))
		if over := n >= tools.MaxCalls-2; over != (call.Refused == "the limit of 8 calls is reached") {
			t.Errorf("call %d: %+v", n+3, call)
		}
	}
	if got := len(session.Calls()); got != tools.MaxRecorded || session.Left() != 0 {
		t.Errorf("%d calls are recorded, %d left", got, session.Left())
	}
}

func TestAReadThatHangsEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s := tools.New(hanging{}, testkit.Now)
	_, err := s.Call(ctx, "get", json.RawMessage(`{"kind":"Pod","namespace":"shop","name":"a"}`))
	if fmt.Sprint(err) != "the API server did not respond in time" {
		t.Errorf("got %v", err)
	}
}

type hanging struct{ background.Cluster }

func (hanging) Get(ctx context.Context, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	<-ctx.Done()
	return ctx.Err()
}

func FuzzArguments(f *testing.F) {
	for _, seed := range []string{`{"kind":"Pod","namespace":"shop","name":"cart-0"}`, `{"lines":1e400}`, `[`, `{"a":null}`, `null`, `{"match":"a**"}`} {
		for _, tool := range []string{"get", "list", "logs", "can_i", "resolve_host", "x"} {
			f.Add(tool, seed)
		}
	}
	s := set(f, map[string]string{"shop/cart-0/app": "a\n"})
	f.Fuzz(func(t *testing.T, tool, arguments string) {
		output, err := s.Call(t.Context(), tool, json.RawMessage(arguments))
		var refusal *tools.Refusal
		if err != nil && (!errors.As(err, &refusal) || refusal.Reason == "") || err == nil && len(output.Lines) == 0 {
			t.Errorf("%s(%q): %v, %q", tool, arguments, err, output.Lines)
		}
		if text := strings.Join(output.Lines, "\n"); strings.Contains(text, "not-shown") {
			t.Errorf("%s(%q) shows %s", tool, arguments, text)
		}
	})
}

func TestTheEndOfALogWithLongLinesIsRead(t *testing.T) {
	long := strings.Repeat("GET /healthz 200 "+strings.Repeat("x ", 1000)+"\n", 6000)
	s := set(t, map[string]string{"shop/cart-0/app": long + "FATAL: disk full\n"})
	for _, arguments := range []string{`"lines":200`, `"match":"FATAL"`} {
		output, err := s.Call(t.Context(), "logs", json.RawMessage(`{"namespace":"shop","pod":"cart-0",`+arguments+`}`))
		if err != nil || output.Lines[len(output.Lines)-1] != "FATAL: disk full" {
			t.Errorf("%s: got %d lines, %v", arguments, len(output.Lines), err)
		}
	}
	for arguments, want := range map[string]string{
		`"match":"PANIC"`:               "The log of container app has no such lines among its last 78.",
		`"match":"PANIC","from":"head"`: "The log of container app has no such lines in its first 65536 bytes.",
	} {
		output, err := s.Call(t.Context(), "logs", json.RawMessage(`{"namespace":"shop","pod":"cart-0",`+arguments+`}`))
		if err != nil || output.Lines[0] != want {
			t.Errorf("%s: got %q, %v", arguments, output.Lines, err)
		}
	}
}

func TestTheRolesOfOneCallAreLimited(t *testing.T) {
	var objects []client.Object
	for i := range 200 {
		about := metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("bind-%d", i)}
		objects = append(objects, &rbacv1.RoleBinding{
			ObjectMeta: about, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: fmt.Sprintf("role-%d", i%100)},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "shop", Name: "cart"}},
		}, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("role-%d", i%100+i/100*1000)}})
	}
	reads := &counting{Cluster: aibench.NewCluster(objects, nil)}
	s := tools.New(reads, testkit.Now)
	arguments := `{"serviceAccount":"cart","namespace":"shop","verb":"get","resource":"pods"}`
	output, err := s.Call(t.Context(), "can_i", json.RawMessage(arguments))
	if err != nil || reads.gets != 50 || !strings.Contains(output.Lines[0], "Not read: some roles.") {
		t.Errorf("%d roles were read: %q, %v", reads.gets, output.Lines, err)
	}
	if !slices.Contains(output.Names, "bind-7") {
		t.Error("the names of bindings are not masked")
	}
}

// counting counts the objects that are read one by one.
type counting struct {
	background.Cluster
	gets int
}

func (c *counting) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	c.gets++
	return c.Cluster.Get(ctx, key, object, options...)
}

// partial is a cluster with more objects than a list has.
type partial struct{ background.Cluster }

func (p partial) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := p.Cluster.List(ctx, list, options...)
	list.SetContinue("more")
	return err
}

func TestChangesThatWereNotReadAreNamed(t *testing.T) {
	s := tools.New(partial{cluster(t, nil)}, testkit.Now)
	output, err := s.Call(t.Context(), "changes", json.RawMessage(`{"namespace":"shop"}`))
	if last := output.Lines[len(output.Lines)-1]; err != nil || !strings.Contains(last, "some configmaps") {
		t.Errorf("got %q, %v", output.Lines, err)
	}
}
