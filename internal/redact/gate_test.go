package redact

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
)

func TestKnownSecretsAreReplacedEverywhere(t *testing.T) {
	const secret = "correct horse battery"
	r, err := New(Options{Known: []string{secret, "abc", "correct horse"}})
	if err != nil {
		t.Fatal(err)
	}
	text := "it said " + secret + " and " + base64.StdEncoding.EncodeToString([]byte(secret)) + ", abc"
	got, counts := r.Count(text)
	if strings.Contains(got, "horse") || strings.Contains(got, "Y29ycmVj") || !strings.HasSuffix(got, ", abc") || counts[RuleKnown] != 2 {
		t.Errorf("%q %v", got, counts)
	}
	if parts := strings.Split(got, "[redacted:"); len(parts) != 3 || parts[1][:4] != parts[2][:4] {
		t.Errorf("the same secret has different pseudonyms: %q", got)
	}
}

func TestEmailsAndAddressesAreReplacedIfEnabled(t *testing.T) {
	text := "mail jane.doe@example.com from 10.1.2.3 and 2001:db8::1 at 12:30:45, version 1.2.3, 1.2.3.400"
	if got := redactor(t).Text(text); got != text {
		t.Errorf("not enabled: %q", got)
	}
	r, err := New(Options{Emails: true, IPs: true})
	if err != nil {
		t.Fatal(err)
	}
	got, counts := r.Count(text)
	if want := (Counts{RuleEmail: 1, RuleIP: 2}); !maps.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
	if strings.Contains(got, "jane") || strings.Contains(got, "10.1.2.3") || !strings.Contains(got, "[email:") ||
		!strings.Contains(got, "[ip:") ||
		!strings.HasSuffix(got, "at 12:30:45, version 1.2.3, 1.2.3.400") {
		t.Errorf("%q %v", got, counts)
	}
	if again := r.Text(got); again != got {
		t.Errorf("a second pass: %q", again)
	}
}

func TestKubernetesSecretsAreFullyRedacted(t *testing.T) {
	text := `apiVersion: v1
kind: Secret
metadata:
  name: db
  labels: {app: db}
data:
  user: YWRtaW4=
  plain: "aGVsbG8="
stringData:
  config: |
    host=db
    pin 1234
  more: x1
type: Opaque
---
kind: ConfigMap
data:
  colour: blue
`
	got, counts := redactor(t).Count(text)
	for _, gone := range []string{"YWRtaW4=", "aGVsbG8=", "host=db", "pin 1234", "x1"} {
		if strings.Contains(got, gone) {
			t.Errorf("%s is still in:\n%s", gone, got)
		}
	}
	for _, kept := range []string{"name: db", "labels: {app: db}", "type: Opaque", "colour: blue", "  user: [redacted:"} {
		if !strings.Contains(got, kept) {
			t.Errorf("%s is missing in:\n%s", kept, got)
		}
	}
	if counts[RuleSecretData] != 5 {
		t.Errorf("%v", counts)
	}
}

func TestNamesAreMaskedAndRestored(t *testing.T) {
	n := NewNames("shop", "cart", "cart-7d9f", "db", "shop")
	text := "Pod shop/cart-7d9f of Deployment cart in shop. See cart.shop.svc, cartography, db."
	masked := n.Mask(text)
	if want := "Pod name-1/name-3 of Deployment name-2 in name-1. See name-2.name-1.svc, cartography, db."; masked != want {
		t.Errorf("got %q", masked)
	}
	if got := n.Restore("Restart name-2 in name-1, not name-9."); got != "Restart cart in shop, not name-9." {
		t.Errorf("got %q", got)
	}
	if n.Restore(masked) != text {
		t.Errorf("got %q", n.Restore(masked))
	}
}

func FuzzNames(f *testing.F) {
	f.Add("shop/cart", "in shop: cart.shop.svc")
	f.Fuzz(func(t *testing.T, name, text string) {
		n := NewNames(name, "shop")
		if strings.Contains(text, "name-") {
			return
		}
		if got := n.Restore(n.Mask(text)); got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
