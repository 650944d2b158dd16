package security

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/leaks"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func binding(name, subject string) string {
	return checktest.Document("rbac.authorization.k8s.io/v1", "RoleBinding", "name: "+name+", namespace: shop",
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}\nsubjects: ["+subject+"]")
}

func defaultAccount(fields string) string {
	return checktest.Document("v1", "ServiceAccount", "name: default, namespace: shop", fields)
}

const toDefault = "{kind: ServiceAccount, name: default, namespace: shop}"

func TestATokenThatIsMountedWithoutNeedIsReported(t *testing.T) {
	found := checktest.Lines("info ServiceAccount/shop/default: ServiceAccount default has no permissions, but Pods mount its token.",
		"  spec: automountServiceAccountToken is not false", "  spec: no RoleBinding or ClusterRoleBinding for it",
		"  spec: mounted by Deployment web")
	discovery := checktest.Document(
		"rbac.authorization.k8s.io/v1",
		"ClusterRoleBinding",
		"name: system:discovery",
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: 'system:discovery'}\nsubjects: [{kind: Group, name: "+
			"'system:authenticated'}]",
	)
	all := checktest.Document(
		"rbac.authorization.k8s.io/v1",
		"ClusterRoleBinding",
		"name: all",
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: [{kind: Group, name: "+
			"'system:serviceaccounts:shop'}]",
	)
	for _, c := range []struct {
		name, documents string
		elsewhere       []facts.Kind
		want            string
	}{
		{"a token without permissions", defaultAccount("") + webWith(oneContainer("")) + discovery, nil, found},
		{"disabled on the ServiceAccount", defaultAccount("automountServiceAccountToken: false") + webWith(oneContainer("")), nil, ""},
		{"disabled on the Pod", defaultAccount("") + webWith("automountServiceAccountToken: false, "+oneContainer("")), nil, ""},
		{"a permission", defaultAccount("") + webWith(oneContainer("")) + binding("b", toDefault), nil, ""},
		{"a permission of its user name", defaultAccount("") + webWith(oneContainer("")) + binding("b",
			"{kind: User, name: 'system:serviceaccount:shop:default'}"), nil, ""},
		{"a permission of all accounts of the namespace", defaultAccount("") + webWith(oneContainer("")) + all, nil, ""},
		{"bindings that were not all read", defaultAccount("") + webWith(oneContainer("")), []facts.Kind{facts.RoleBinding}, ""},
		{"an account that no Pod uses", defaultAccount(""), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := checktest.Text(t, Checks(), "token-automounted", c.documents, c.elsewhere...); got != c.want {
				t.Errorf("got:\n%swant:\n%s", got, c.want)
			}
		})
	}
}

func TestDefaultServiceAccountWithPermissions(t *testing.T) {
	found := checktest.Lines(
		"medium Deployment/shop/web: Deployment web has permissions through the ServiceAccount default of its namespace.",
		"  spec: RoleBinding/shop/b grants it ClusterRole edit",
	)
	for _, c := range []struct{ name, documents, want string }{
		{"default can edit", defaultAccount("") + webWith(oneContainer("")) + binding("b", toDefault), found},
		{"a subject without a namespace", defaultAccount("") + webWith(oneContainer("")) + binding("b",
			"{kind: ServiceAccount, name: default}"), found},
		{"another account", webWith("serviceAccountName: web, "+oneContainer("")) + binding("b", toDefault), ""},
		{"default of another namespace", webWith(oneContainer("")) + binding("b",
			"{kind: ServiceAccount, name: default, namespace: other}"), ""},
		{"no token", webWith("automountServiceAccountToken: false, "+oneContainer("")) + binding("b", toDefault), ""},
		{"no binding", webWith(oneContainer("")), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := checktest.Text(t, Checks(), "default-serviceaccount-used-with-rights", c.documents); got != c.want {
				t.Errorf("got:\n%swant:\n%s", got, c.want)
			}
		})
	}
}

func TestSecretsInPlainTextAreReportedWithoutTheirValue(t *testing.T) {
	scanner, err := leaks.New()
	if err != nil {
		t.Fatal(err)
	}
	password, token := "hunter"+"2", "gl"+"pat-"+"x7Kq2mPz9Lw4"+"Rt6Yb1Nc"
	documents := webWith(
		oneContainer(
			`, env: [{name: DB_PASSWORD, value: `+password+`}, {name: OTHER_PASSWORD, value: $(DB_PASSWORD)}], args: [--verbose, `+
				`--token, `+token+`]`,
		),
	) +
		strings.ReplaceAll(
			webWith(
				oneContainer(
					`, env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}], args: `+
						`["--password=$(DB_PASSWORD)"]`,
				),
			),
			"name: web,",
			"name: good,",
		) +
		checktest.Document("v1", "ConfigMap", "name: app, namespace: shop",
			"data: {app.properties: \"port=80\\ndb.password="+password+"\\n\", gitlab: "+token+"}") +
		checktest.Document("v1", "ConfigMap", "name: good, namespace: shop",
			"data: {app.properties: \"port=80\\ndb.password=${DB_PASSWORD}\\n\"}")
	builder := facts.NewBuilder("test", testkit.Now())
	for _, object := range testkit.Objects(t, documents) {
		builder.Add(facts.Reducer{Scan: scanner.Scan}.Reduce(object))
	}
	for _, kind := range facts.Kinds() {
		builder.Covered(kind, "")
	}
	text := secretFindings(t, builder.Graph())
	want := checktest.Lines(
		"medium secret-in-env Deployment/shop/web: Deployment web has a probable secret in its environment variables, in plain text.",
		"  env DB_PASSWORD of container api: matches the rule password-in-variable",
		"high secret-in-args Deployment/shop/web: Deployment web has a probable secret in its command line, in plain text.",
		"  args of container api: matches the rule gitlab-pat",
		"high secret-in-configmap ConfigMap/shop/app: ConfigMap app contains a probable secret.",
		"  data app.properties: matches the rule password-in-variable",
		"  data gitlab: matches the rule gitlab-pat")
	if text != want {
		t.Errorf("got:\n%swant:\n%s", text, want)
	}
	if strings.Contains(text, password) || strings.Contains(text, token) {
		t.Error("a secret is quoted")
	}
}

// secretFindings prints the findings of the checks about secrets, with their evidence.
func secretFindings(t *testing.T, graph *facts.Graph) string {
	t.Helper()
	findings, _, gaps := check.Run(graph, secretChecks(), check.DefaultParams())
	if len(gaps) > 0 {
		t.Fatal(gaps)
	}
	var got []string
	for _, f := range findings {
		got = append(got, string(f.Severity)+" "+f.Check+" "+f.Object.String()+": "+f.Message)
		for _, e := range f.Evidence {
			got = append(got, "  "+e.Text)
		}
	}
	return checktest.Lines(got...)
}
