package clusters

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const source = "Secret shop/prod, key value,"

// file is a kubeconfig with one context.
type file struct {
	current, contexts, cluster, user string
}

func (f file) text() string {
	if f.contexts == "" {
		f.contexts = "- {name: prod, context: {cluster: prod, user: admin}}"
	}
	return fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: %q\ncontexts:\n%s\nclusters:\n- {name: prod, cluster: {%s}}\n"+
		"users:\n- {name: admin, user: {%s}}\n", f.current, f.contexts, f.cluster, f.user)
}

func encoded(text []byte) string { return base64.StdEncoding.EncodeToString(text) }

func TestAKubeconfigIsReadOnlyAsFarAsItIsData(t *testing.T) {
	certificate, key := newCertificate(t, "admin")
	const server = "server: https://api.example.com:6443"
	ca := "certificate-authority-data: " + encoded(certificate)
	good := server + ", " + ca
	const token = "token: s3cret-token"
	clientCertificate := "client-certificate-data: " + encoded(certificate) + ", client-key-data: " + encoded(key)
	for name, tc := range map[string]struct {
		content string
		options KubeconfigOptions
		// want is in the message of the problem; empty for none.
		want string
	}{
		"a token":                           {content: file{cluster: good, user: token}.text()},
		"a client certificate":              {content: file{cluster: good, user: clientCertificate}.text()},
		"the roots of the system":           {content: file{cluster: server, user: token}.text()},
		"a path prefix":                     {content: file{cluster: "server: https://rancher.example.com/k8s/clusters/c-1", user: token}.text()},
		"a tls-server-name":                 {content: file{cluster: good + ", tls-server-name: kubernetes", user: token}.text()},
		"a context by name":                 {content: file{current: "gone", cluster: good, user: token}.text(), options: KubeconfigOptions{Context: "prod"}},
		"JSON":                              {content: `{"clusters":[{"name":"c","cluster":{"server":"https://a"}}],"users":[{"name":"u","user":{"token":"abcd"}}],"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}]}`},
		"no TLS verification, and so asked": {content: file{cluster: server + ", insecure-skip-tls-verify: true", user: token}.text(), options: KubeconfigOptions{InsecureSkipTLSVerify: true}},

		"nothing":                   {content: " \n", want: "is empty"},
		"text":                      {content: "hello", want: "is not a kubeconfig"},
		"broken YAML":               {content: "a: [", want: "is not a kubeconfig"},
		"another kind":              {content: "apiVersion: v1\nkind: Secret\ndata: {token: czNjcmV0LXRva2Vu}", want: "is not a kubeconfig"},
		"a list":                    {content: "- a\n- b", want: "is not a kubeconfig"},
		"half a megabyte":           {content: strings.Repeat("#", 300<<10), want: "larger than 256 KiB"},
		"aliases that multiply":     {content: bomb(), want: "is not a kubeconfig"},
		"no contexts":               {content: "apiVersion: v1\nkind: Config\n", want: "has 0 contexts and no current-context"},
		"two contexts, none chosen": {content: file{contexts: "- {name: a, context: {cluster: prod, user: admin}}\n- {name: b, context: {cluster: prod, user: admin}}", cluster: good, user: token}.text(), want: "has 2 contexts and no current-context; set spec.kubeconfig.context"},
		"a context that is missing": {content: file{current: "prod", cluster: good, user: token}.text(), options: KubeconfigOptions{Context: "prd"}, want: `has no context "prd"; it has "prod"`},
		"a cluster that is missing": {content: file{contexts: "- {name: a, context: {cluster: x, user: admin}}", cluster: good, user: token}.text(), want: `has no cluster "x"`},
		"a user that is missing":    {content: file{contexts: "- {name: a, context: {cluster: prod, user: x}}", cluster: good, user: token}.text(), want: `has no user "x"`},
		"no server":                 {content: file{cluster: ca, user: token}.text(), want: "a cluster without a server"},
		"a server without TLS":      {content: file{cluster: "server: http://api.example.com", user: token}.text(), want: "not an https URL"},
		"a server that is a path":   {content: file{cluster: "server: /etc/passwd", user: token}.text(), want: "not a URL"},
		"a file as server":          {content: file{cluster: "server: 'file:///etc/passwd'", user: token}.text(), want: "not a URL"},
		"credentials in the server": {content: file{cluster: "server: https://admin:s3cret-token@api.example.com", user: token}.text(), want: "with credentials, a query or a fragment"},
		"a query in the server":     {content: file{cluster: "server: 'https://api.example.com?a=b'", user: token}.text(), want: "with credentials, a query or a fragment"},
		"a CA in a file":            {content: file{cluster: server + ", certificate-authority: /etc/ssl/ca.pem", user: token}.text(), want: "has certificate-authority, which is not allowed"},
		"a CA that is none":         {content: file{cluster: server + ", certificate-authority-data: aGVsbG8=", user: token}.text(), want: "without a certificate in PEM form"},
		"a proxy":                   {content: file{cluster: good + ", proxy-url: 'http://proxy:3128'", user: token}.text(), want: "has proxy-url, which is not allowed"},
		"no TLS verification":       {content: file{cluster: server + ", insecure-skip-tls-verify: true", user: token}.text(), want: "has insecure-skip-tls-verify, which is not allowed"},
		"no verification, but a CA": {content: file{cluster: good + ", insecure-skip-tls-verify: true", user: token}.text(), options: KubeconfigOptions{InsecureSkipTLSVerify: true}, want: "has both insecure-skip-tls-verify"},
		"no credentials":            {content: file{cluster: good}.text(), want: "without a token or client certificate"},
		"a program":                 {content: file{cluster: good, user: "exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, id], interactiveMode: Never}"}.text(), want: "has exec, which is not allowed"},
		"a program beside a token":  {content: file{cluster: good, user: token + ", exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never}"}.text(), want: "has exec, which is not allowed"},
		"an auth provider":          {content: file{cluster: good, user: "auth-provider: {name: gcp}"}.text(), want: "has auth-provider, which is not allowed"},
		"a token in a file":         {content: file{cluster: good, user: "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"}.text(), want: "has tokenFile, which is not allowed"},
		"a certificate in a file":   {content: file{cluster: good, user: "client-certificate: /a, client-key-data: " + encoded(key)}.text(), want: "has client-certificate, which is not allowed"},
		"a key in a file":           {content: file{cluster: good, user: "client-key: /a, client-certificate-data: " + encoded(certificate)}.text(), want: "has client-key, which is not allowed"},
		"a certificate without key": {content: file{cluster: good, user: "client-certificate-data: " + encoded(certificate)}.text(), want: "client certificate that cannot be used"},
		"a user name":               {content: file{cluster: good, user: "username: admin, password: s3cret-token"}.text(), want: "has username and password, which is not allowed"},
		"another user":              {content: file{cluster: good, user: token + ", as: system:admin"}.text(), want: "has impersonation"},
		"groups of another user":    {content: file{cluster: good, user: token + ", as-groups: ['system:masters']"}.text(), want: "has impersonation"},
		"a UID of another user":     {content: file{cluster: good, user: token + ", as-uid: abc"}.text(), want: "has impersonation"},
		"extra of another user":     {content: file{cluster: good, user: token + ", as-user-extra: {a: [b]}"}.text(), want: "has impersonation"},
		"both kinds of credentials": {content: file{cluster: good, user: token + ", " + clientCertificate}.text(), want: "both a token and a client certificate"},
		"a token of two lines":      {content: file{cluster: good, user: `token: "s3cret-token\nX-Remote-User: root"`}.text(), want: "a header cannot contain"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.options.Source = source
			access, err := ParseKubeconfig([]byte(tc.content), tc.options)
			if tc.want == "" {
				if err != nil || access.Server.Scheme != "https" {
					t.Errorf("got %v, %v", access, err)
				}
				return
			}
			p := problem.As(err)
			if p == nil || p.Reason != v1alpha1.ReasonInvalidKubeconfig || p.Action != problem.UserMustAct ||
				!strings.Contains(p.Message, tc.want) || !strings.HasPrefix(p.Message, "the kubeconfig in "+source) {
				t.Fatalf("got %v, want a refusal with %q", err, tc.want)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, access, access); strings.Contains(text, "s3cret-token") {
				t.Errorf("the token is in %s", text)
			}
		})
	}
}

// bomb is YAML whose aliases expand to a billion nodes.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String()
}

func TestAccessNeverPrintsItsSecrets(t *testing.T) {
	certificate, key := newCertificate(t, "admin")
	content := file{cluster: "server: https://a", user: "client-certificate-data: " + encoded(certificate) + ", client-key-data: " + encoded(key)}.text()
	access, err := ParseKubeconfig([]byte(content), KubeconfigOptions{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	access.Token = "s3cret-token"
	for _, text := range []string{fmt.Sprint(access), fmt.Sprintf("%+v %#v", access, access), fmt.Sprintf("%v", []any{&access})} {
		if strings.Contains(text, "s3cret-token") || strings.Contains(text, string(key[30:60])) {
			t.Errorf("a secret is in %s", text)
		}
	}
}

func FuzzParseKubeconfig(f *testing.F) {
	f.Add([]byte(file{cluster: "server: https://api.example.com", user: "token: abcdef"}.text()))
	f.Add([]byte(file{cluster: "server: https://a", user: "exec: {command: sh}"}.text()))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		access, err := ParseKubeconfig(content, KubeconfigOptions{Source: source})
		switch {
		case err != nil && problem.As(err) == nil:
			t.Fatalf("%T is no problem", err)
		case err == nil && (access.Server.Scheme != "https" || access.Server.Hostname() == "" || access.Server.User != nil):
			t.Fatalf("a server is accepted: %s", access.Server)
		case err == nil && access.TLS.InsecureSkipVerify:
			t.Fatal("the certificate would not be verified")
		case err == nil:
			access.Validity()
		}
	})
}
