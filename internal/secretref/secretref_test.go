package secretref

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

const secretValue = "open-sesame"

func TestSecretsAreReadOnlyWithThePermissionsOfTheServiceAccount(t *testing.T) {
	config := testkit.APIServer(t)
	n := tenant.New(t, config)
	source := &Source{Reader: n.Client, Config: config}
	read := func(name, key string) (string, error) {
		return source.For(n.Namespace, "").Text(t.Context(), v1alpha1.SecretKeyReference{Name: name, Key: key}, "spec.auth.bearerToken")
	}
	want := func(err error, reason string, action problem.Action, parts ...string) {
		t.Helper()
		p := problem.As(err)
		if p == nil || p.Reason != reason || p.Action != action {
			t.Fatalf("got %v, want the problem %s", err, reason)
		}
		for _, part := range parts {
			if !strings.Contains(p.Message, part) {
				t.Errorf("%q is not in: %s", part, p.Message)
			}
		}
		if strings.Contains(err.Error(), secretValue) {
			t.Errorf("the value is in: %v", err)
		}
	}

	n.Secret("login", "token", secretValue+"\n")
	_, err := read("login", "token")
	want(err, v1alpha1.ReasonServiceAccountNotFound, problem.Wait, "ServiceAccount "+n.Namespace+"/kubeops",
		"create serviceaccount kubeops")

	n.Account()
	_, err = read("login", "token")
	want(err, v1alpha1.ReasonSecretForbidden, problem.Wait,
		"ServiceAccount "+n.Namespace+"/kubeops cannot get Secret login (RBAC, referenced by spec.auth.bearerToken)",
		"kubectl -n "+n.Namespace+" create role kubeops-reads-login --verb=get,watch --resource=secrets --resource-name=login --dry-run=client -o yaml | kubectl auth reconcile -f - && ",
		"create rolebinding kubeops-reads-login --role=kubeops-reads-login --serviceaccount="+n.Namespace+":kubeops")

	n.Grant("login")
	n.Grant("lost")
	n.Eventually(func() error { _, err := read("login", "token"); return err })
	if got, err := read("login", "token"); err != nil || got != secretValue {
		t.Errorf("got %q, %v", got, err)
	}
	n.Eventually(func() error {
		if _, err := read("lost", "token"); problem.As(err).Reason != v1alpha1.ReasonSecretNotFound {
			return err
		}
		return nil
	})
	_, err = read("lost", "token")
	want(err, v1alpha1.ReasonSecretNotFound, problem.Wait,
		"Secret "+n.Namespace+"/lost does not exist (referenced by spec.auth.bearerToken)")
	_, err = read("login", "password")
	want(err, v1alpha1.ReasonSecretNotFound, problem.Wait, "has no key password")

	// get on one Secret is enough: the reader requests neither list nor another Secret.
	n.Secret("other", "token", secretValue)
	_, err = read("other", "token")
	want(err, v1alpha1.ReasonSecretForbidden, problem.Wait, "Secret other")

	// A manager that cannot impersonate is not reported as a ServiceAccount that cannot read.
	token := &authenticationv1.TokenRequest{}
	account := &corev1.ServiceAccount{ObjectMeta: n.Meta("manager")}
	n.Create(account)
	if err := n.Client.SubResource("token").Create(t.Context(), account, token); err != nil {
		t.Fatal(err)
	}
	source.Config = rest.AnonymousClientConfig(config)
	source.Config.BearerToken = token.Status.Token
	_, err = read("login", "token")
	want(err, v1alpha1.ReasonImpersonationForbidden, problem.Wait,
		"the manager cannot get secrets as ServiceAccount "+n.Namespace+"/kubeops",
		"--clusterrole=kubeops-manager-impersonation-secrets --serviceaccount="+n.Namespace+":manager")
}

// readerOf returns a reader that already holds Secret s with these keys and values.
func readerOf(keysAndValues ...string) *Reader {
	secret := &corev1.Secret{Data: map[string][]byte{}}
	for i := 0; i < len(keysAndValues); i += 2 {
		secret.Data[keysAndValues[i]] = []byte(keysAndValues[i+1])
	}
	r := (&Source{}).For("team", "")
	r.read["s"] = secret
	return r
}

func TestTextMustBeOneLine(t *testing.T) {
	for name, tc := range map[string]struct {
		stored, want, problem string
	}{
		"plain":               {secretValue, secretValue, ""},
		"an editor's newline": {secretValue + "\n", secretValue, ""},
		"a Windows newline":   {secretValue + "\r\n", secretValue, ""},
		"spaces are kept":     {" a b ", " a b ", ""},
		"non-Latin text":      {"пароль", "пароль", ""},
		"empty":               {"", "", "is empty"},
		"only a newline":      {"\n", "", "is empty"},
		"two lines":           {secretValue + "\nX-Other: header", "", "contains line breaks"},
		"a tab":               {secretValue + "\t", "", "control characters"},
		"a NUL":               {secretValue + "\x00", "", "control characters"},
		"binary":              {"\xff\xfe" + secretValue, "", "not valid UTF-8"},
		"a whole file":        {strings.Repeat("x", maxText+1), "", "longer than 16 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readerOf("k", tc.stored).Text(t.Context(), v1alpha1.SecretKeyReference{Name: "s", Key: "k"}, "spec.auth.apiKey")
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if tc.problem == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			p := problem.As(err)
			if p == nil || p.Reason != v1alpha1.ReasonInvalidSecret || !strings.Contains(p.Message, tc.problem) ||
				!strings.Contains(p.Message, "key k of Secret team/s (referenced by spec.auth.apiKey) ") {
				t.Fatalf("got %v, want %q", err, tc.problem)
			}
			if strings.Contains(err.Error(), secretValue) {
				t.Errorf("the value is in: %v", err)
			}
		})
	}
}

func TestBasicRequiresBothKeysAndNoColon(t *testing.T) {
	for name, tc := range map[string]struct {
		data    []string
		problem string
	}{
		"both":         {[]string{"username", "kubeops\n", "password", secretValue}, ""},
		"no password":  {[]string{"username", "kubeops"}, "no key password"},
		"no user name": {[]string{"password", secretValue}, "no key username"},
		"a colon":      {[]string{"username", "a:b", "password", secretValue}, "colon"},
	} {
		t.Run(name, func(t *testing.T) {
			user, password, err := readerOf(tc.data...).Basic(t.Context(), v1alpha1.SecretReference{Name: "s"}, "spec.auth.basic")
			if tc.problem == "" && (err != nil || user != "kubeops" || password != secretValue) {
				t.Errorf("got %q, %v", user, err)
			}
			if tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem) || user+password != "") {
				t.Errorf("got %v, want %q", err, tc.problem)
			}
		})
	}
}

func TestAUserTokenIsHiddenInAllFormsAndTheUserNameIsNot(t *testing.T) {
	reader := readerOf("username", "kubeops", "token", secretValue)
	user, token, err := reader.UserToken(t.Context(), v1alpha1.SecretReference{Name: "s"}, "spec.jenkins.secretRef")
	if err != nil || user != "kubeops" || token != secretValue {
		t.Fatalf("got %q, %v", user, err)
	}
	echo := "kubeops " + secretValue + " " + base64.StdEncoding.EncodeToString([]byte(user+":"+token))
	if got := reader.Hide(echo); got != "kubeops [redacted] [redacted]" {
		t.Errorf("got %q", got)
	}
	if _, _, err := readerOf("username", "kubeops").UserToken(t.Context(), v1alpha1.SecretReference{Name: "s"}, "x"); err == nil ||
		!strings.Contains(err.Error(), "no key token") {
		t.Errorf("got %v", err)
	}
}

// newKeyPair returns a certificate and its key as PEM.
func newKeyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	return certificate, key
}

func TestCertificatesAreValidatedOnRead(t *testing.T) {
	certificate, key := newKeyPair(t)
	other, _ := newKeyPair(t)
	_, err := readerOf("ca.crt", certificate).CA(t.Context(), v1alpha1.SecretKeyReference{Name: "s", Key: "ca.crt"}, "spec.tls.ca")
	if err != nil {
		t.Error(err)
	}
	_, err = readerOf("ca.crt", "hello").CA(t.Context(), v1alpha1.SecretKeyReference{Name: "s", Key: "ca.crt"}, "spec.tls.ca")
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidSecret ||
		!strings.Contains(p.Message, "key ca.crt of Secret team/s (referenced by spec.tls.ca) contains no PEM certificate") {
		t.Errorf("got %v", err)
	}
	for name, tc := range map[string]struct {
		certificate, key string
		good             bool
	}{
		"a key pair":             {certificate, key, true},
		"key of another pair":    {other, key, false},
		"private key is not PEM": {certificate, "hello", false},
	} {
		reader := readerOf(corev1.TLSCertKey, tc.certificate, corev1.TLSPrivateKeyKey, tc.key)
		_, _, err := reader.KeyPair(t.Context(), v1alpha1.SecretReference{Name: "s"}, "spec.tls.clientCertificate")
		p := problem.As(err)
		rejected := p != nil && p.Reason == v1alpha1.ReasonInvalidSecret && strings.Contains(p.Message, "Secret team/s")
		if tc.good && err != nil || !tc.good && !rejected {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestHideRemovesReturnedValuesFromResponses(t *testing.T) {
	r := readerOf("username", "prometheus", "password", secretValue)
	if _, _, err := r.Basic(t.Context(), v1alpha1.SecretReference{Name: "s"}, "spec.auth.basic"); err != nil {
		t.Fatal(err)
	}
	echo := "prometheus: you sent Basic cHJvbWV0aGV1czpvcGVuLXNlc2FtZQ== which is " + secretValue
	if got, want := r.Hide(echo), "prometheus: you sent Basic [redacted] which is [redacted]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The message of the retry must not change between attempts.
func TestUnreachableAPIServerIsRetried(t *testing.T) {
	reader := (&Source{Reader: brokenReader{}}).For("team", "")
	_, err := reader.Text(t.Context(), v1alpha1.SecretKeyReference{Name: "s", Key: "k"}, "spec.auth.apiKey")
	p := problem.As(err)
	if p == nil || p.Action != problem.Retry ||
		p.Message != "cannot read ServiceAccount team/kubeops (request failed)" {
		t.Errorf("got %v", err)
	}
}

type brokenReader struct{ client.Reader }

func (brokenReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("read tcp 10.0.0.1:4711: connection reset")
}
