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
	n := NewNames("shop", "cart", "cart-7d9f", "db", "shop", "error", "default", "node-a.example.com", "567")
	for name, tc := range map[string]struct{ text, want string }{
		"names of objects": {
			"Pod shop/cart-7d9f of Deployment cart in shop.", "Pod name-1/name-3 of Deployment name-2 in name-1.",
		},
		"hosts":              {"dial cart.shop.svc.cluster.local:80", "dial name-2.name-1.svc.cluster.local:80"},
		"generated names":    {"cart-5c9d8f6b54-2x9kq", "name-2-5c9d8f6b54-2x9kq"},
		"parts of names":     {"data-cart-0 of kubeops-shop-x", "data-name-2-0 of kubeops-name-1-x"},
		"kubelet":            {"back-off restarting failed container=app pod=cart-7d9f_shop(8d0c)", "back-off restarting failed container=app pod=name-3_name-1(8d0c)"},
		"folders of logs":    {"/var/log/pods/shop_cart-7d9f_8d0c/app/0.log", "/var/log/pods/name-1_name-3_8d0c/app/0.log"},
		"accounts":           {"system:serviceaccount:shop:cart", "system:serviceaccount:name-1:name-2"},
		"names with dots":    {"node-a.example.com:10250", "name-4:10250"},
		"Chinese":            {"容器cart在shop中", "容器name-2在name-1中"},
		"other words":        {"cartography, workshop, Cart, db", "cartography, workshop, Cart, db"},
		"common words":       {"error in namespace default", "error in namespace default"},
		"what looks masked":  {"name-1 name-0-1 name-x surname-1 name-567", "name-0-1 name-0-0-1 name-x surname-1 name-0-name-5"},
		"the end of a clip":  {"cart", "name-2"},
		"nothing":            {"", ""},
		"invalid characters": {"\xffcart\xff", "\xffname-2\xff"},
	} {
		masked := n.Mask(tc.text)
		if masked != tc.want {
			t.Errorf("%s: got %q, want %q", name, masked, tc.want)
		}
		if got := n.Restore(masked); got != tc.text {
			t.Errorf("%s: restored %q", name, got)
		}
	}
	if got := n.Restore("Restart name-2 in name-1, not name-9. name-22"); got != "Restart cart in shop, not name-9. name-22" {
		t.Errorf("got %q", got)
	}
}

func TestAddedNamesChangeNoMask(t *testing.T) {
	n := NewNames("shop")
	masked := n.Mask("shop cart")
	n.Add("shop-front", "cart")
	if got := n.Restore(masked); got != "shop cart" {
		t.Errorf("got %q", got)
	}
	if got := n.Mask("shop cart shop-front shop-back"); got != "name-1 name-3 name-2 name-1-back" {
		t.Errorf("got %q", got)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("shop/cart", "567", "in shop: cart.shop.svc")
	f.Add("name-1", "name-0-1", "name-1-name-0-1 name-0-0-567")
	f.Add("567", "a.b-c", "name-567 xname-567-name-0 a.b-c.d")
	f.Fuzz(func(t *testing.T, name, other, text string) {
		n := NewNames(name, other, "shop")
		masked := n.Mask(text)
		if got := n.Restore(masked); got != text {
			t.Errorf("%q became %q, and %q", text, masked, got)
		}
	})
}

func TestLoopbackIsNoAddressOfAnyone(t *testing.T) {
	gate, err := New(Options{IPs: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{"dial tcp 127.0.0.1:8080: connection refused", "listen on 0.0.0.0:80", "dial tcp [::1]:8080"} {
		if got := gate.Text(kept); got != kept {
			t.Errorf("%q became %q", kept, got)
		}
	}
	for _, replaced := range []string{"dial tcp 10.0.0.7:80", "from 2001:db8::7", "from 169.254.169.254"} {
		if got := gate.Text(replaced); !strings.Contains(got, "[ip:") {
			t.Errorf("%q was kept", got)
		}
	}
}
