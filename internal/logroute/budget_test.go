package logroute

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
)

// small is a LogBackend of a neighbour, older than any other.
func small(collector v1alpha1.CollectorType) Backend {
	return loki("shop", "small", "", v1alpha1.LogCollection{Collector: collector, Redact: []string{`token=\w+`}})
}

// pads are many expressions of many ranges, each within its own limit.
func pads(count int) (expressions []string) {
	for i := range count {
		expressions = append(expressions, fmt.Sprintf(`%d[\pL&&]?\p{Lu}\p{Ll}`, i))
	}
	return expressions
}

// ca is a certificate with at least a number of bytes in PEM.
func ca(t *testing.T, size int) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: make([]byte, size*3/4)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), ExtraExtensions: []pkix.Extension{large}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestOneOffenderCostsItsOwnRouteOnly(t *testing.T) {
	secret := func(change func(*Backend)) func(v1alpha1.CollectorType) Backend {
		return func(collector v1alpha1.CollectorType) Backend {
			b := loki("team", "offender", "", v1alpha1.LogCollection{Collector: collector})
			b.Endpoint.URL = "https://loki.team:3100"
			change(&b)
			return b
		}
	}
	redact := func(expressions ...string) func(v1alpha1.CollectorType) Backend {
		return secret(func(b *Backend) { b.Collect.Redact = expressions })
	}
	for name, offender := range map[string]func(v1alpha1.CollectorType) Backend{
		"an invalid expression":               redact(`(`),
		"an expression over its limit":        redact(`(?:\pL{100}){10}`),
		"too many classes":                    redact(pads(32)...),
		"expressions that are large together": redact(strings.Split(strings.TrimSpace(strings.Repeat(`[a-z]{1000}[0-9]{1000}[a-z]{1000}[0-9]{1000}[a-z]{1000}[0-9]{1000}[a-z]{999} `, 9)), " ")...),
		"a bundle that fills the Secret":      secret(func(b *Backend) { b.Endpoint.TLS.CA = ca(t, maxRouteSecretBytes+1) }),
		"a certificate that is none":          secret(func(b *Backend) { b.Endpoint.TLS.CA = []byte("no certificate") }),
		"a denied address":                    secret(func(b *Backend) { b.Endpoint.URL = "http://169.254.169.254" }),
		"a namespace of others":               secret(func(b *Backend) { b.Collect.Include = []v1alpha1.LogSelector{namespaces("kube-system")} }),
		"a label that is none": secret(func(b *Backend) {
			b.Collect.Include = []v1alpha1.LogSelector{{PodLabels: map[string]string{"a b": ""}}}
		}),
	} {
		for _, collector := range both() {
			t.Run(name+" for "+string(collector), func(t *testing.T) {
				bad := offender(collector)
				out, err := Compile([]Backend{bad, small(collector)}, options())
				if err != nil {
					t.Fatal(err)
				}
				if p := out.Problems[bad.Name]; p == nil || p.Message == "" || len(out.Problems) != 1 {
					t.Errorf("problems: %v", out.Problems)
				}
				if routes := out.Collectors[collector].Routes; len(routes) != 1 || routes[0] != small(collector).Name {
					t.Errorf("routes: %v", routes)
				}
			})
		}
	}
}

func TestTheNamespaceWithTheLargestShareMakesRoom(t *testing.T) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, collector := range both() {
		for name, grow := range map[string]func(*Backend){
			"files":   func(b *Backend) { b.Collect.Redact = pads(3) },
			"secrets": func(b *Backend) { b.Endpoint.TLS.CA = ca(t, 200<<10) },
		} {
			backends := []Backend{small(collector)}
			for i := range 60 {
				b := loki("team", fmt.Sprintf("large-%02d", i), fmt.Sprint(i), v1alpha1.LogCollection{Collector: collector})
				b.Endpoint.URL = fmt.Sprintf("https://loki-%d.team:3100", i)
				b.Created = created.Add(time.Duration(i) * time.Hour)
				grow(&b)
				backends = append(backends, b)
			}
			out, err := Compile(backends, options())
			if err != nil {
				t.Fatal(err)
			}
			c := out.Collectors[collector]
			size := 0
			for _, content := range c.Secrets {
				size += len(content)
			}
			if bytesIn(c.Files) > 1000<<10 || size > maxSecretBytes {
				t.Errorf("%s of %s: %d bytes of files, %d of secrets", name, collector, bytesIn(c.Files), size)
			}
			if out.Problems[small(collector).Name] != nil || out.Problems[backends[1].Name] != nil {
				t.Errorf("%s of %s: the neighbour or the oldest route is left out: %v", name, collector, out.Problems)
			}
			newest := types.NamespacedName{Namespace: "team", Name: "large-59"}
			if p := out.Problems[newest]; p == nil || !strings.Contains(p.Message, "namespace team") || len(out.Problems)+len(c.Routes) != 61 {
				t.Errorf("%s of %s: %d routes, %d problems, %v", name, collector, len(c.Routes), len(out.Problems), p)
			}
		}
	}
}

func TestBuffersBeyondTheDiskOfANodeAreLeftOut(t *testing.T) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, collector := range both() {
		backends := []Backend{small(collector)}
		backends[0].Created = created.Add(time.Hour * 100) // the newest, but alone in its namespace
		for i := range 6 {
			b := loki("team", fmt.Sprintf("logs-%d", i), fmt.Sprint(i), v1alpha1.LogCollection{Collector: collector})
			b.Created = created.Add(time.Duration(i) * time.Hour)
			backends = append(backends, b)
		}
		o := options()
		o.BufferDisk = 4*bufferBytes + 1
		out, err := Compile(backends, o)
		if err != nil {
			t.Fatal(err)
		}
		routed := out.Collectors[collector].Routes
		if len(routed) != 4 || out.Problems[backends[0].Name] != nil || out.Problems[backends[3].Name] != nil {
			t.Errorf("%s: routed %v", collector, routed)
		}
		for _, b := range backends[4:] {
			if p := out.Problems[b.Name]; p == nil || !strings.Contains(p.Message, "logCollection.bufferDisk") {
				t.Errorf("%s: %s: got %+v", collector, b.Name, p)
			}
		}
	}
}
